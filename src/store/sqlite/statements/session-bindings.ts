import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { RuntimeKind } from "../../../protocol/capability.ts";
import { NodeId } from "../../../protocol/ids.ts";
import type { StoredBinding } from "../../sessions.ts";
import { parseRow } from "../row.ts";

const BindingRow = z.object({
  subject: z.string(),
  session: z.string(),
  node_id: NodeId,
  bound_at_ms: z.number(),
  last_used_at_ms: z.number(),
  runtime: RuntimeKind.nullable(),
});

export interface SessionBindingStatements {
  readonly list: () => readonly (StoredBinding & { readonly subject: string; readonly session: string })[];
  readonly bind: (subject: string, session: string, binding: StoredBinding) => void;
  /** Forgets those last used before the time, and the longest unused beyond `keep`. */
  readonly prune: (unusedSinceMs: number, keep: number) => void;
}

export function prepareSessionBindings(database: Database): SessionBindingStatements {
  const select = database.prepare<unknown, []>(
    "select * from session_bindings order by last_used_at_ms, subject, session",
  );
  const upsert = database.prepare(`
    insert into session_bindings (subject, session, node_id, bound_at_ms, last_used_at_ms, runtime)
    values (?, ?, ?, ?, ?, ?)
    on conflict (subject, session) do update set
      node_id = excluded.node_id, bound_at_ms = excluded.bound_at_ms, last_used_at_ms = excluded.last_used_at_ms,
      runtime = excluded.runtime`);
  const deleteUnused = database.prepare("delete from session_bindings where last_used_at_ms < ?");
  const deleteBeyond = database.prepare(`
    delete from session_bindings where (subject, session) in (
      select subject, session from session_bindings order by last_used_at_ms desc limit -1 offset ?)`);
  return {
    list: () =>
      select.all().map((bindingRow) => {
        const row = parseRow(BindingRow, "session_bindings", bindingRow);
        return {
          subject: row.subject,
          session: row.session,
          nodeId: row.node_id,
          boundAtMs: row.bound_at_ms,
          lastUsedAtMs: row.last_used_at_ms,
          runtime: row.runtime,
        };
      }),
    bind: (subject, session, binding) => {
      const { nodeId, boundAtMs, lastUsedAtMs, runtime } = binding;
      upsert.run(subject, session, nodeId, boundAtMs, lastUsedAtMs, runtime);
    },
    prune: (unusedSinceMs, keep) => {
      deleteUnused.run(unusedSinceMs);
      deleteBeyond.run(keep);
    },
  };
}
