import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { Capabilities, Tag } from "../../../protocol/capability.ts";
import { NodeId } from "../../../protocol/ids.ts";
import { Scheduling, Transport } from "../../../protocol/node.ts";
import { toSecret } from "../../../protocol/secret.ts";
import type { NodeRecord } from "../../nodes.ts";
import { foldName } from "../fold-name.ts";
import { booleanColumn, jsonColumn, parseRow, toBooleanColumn } from "../row.ts";

const NodeRow = z.object({
  id: NodeId,
  name: z.string(),
  capabilities: jsonColumn(Capabilities),
  added_tags: jsonColumn(z.array(Tag)),
  removed_tags: jsonColumn(z.array(Tag)),
  scheduling: Scheduling,
  weight: z.number(),
  token_hash: z.string(),
  transport: Transport,
  endpoint: z.string().nullable(),
  version: z.string().nullable(),
  joined_at_ms: z.number(),
  last_seen_at_ms: z.number(),
  hidden_at_ms: z.number().nullable(),
  is_removed: booleanColumn,
  direct_token: z.string().nullable(),
});

/** @returns a function that returns false, and saves nothing, when another node in sight has the name */
export function prepareSaveNode(database: Database): (node: NodeRecord) => boolean {
  const namesake = database.prepare<{ id: string }, [string, string]>(
    "select id from nodes where name_key = ? and hidden_at_ms is null and id <> ?",
  );
  const upsert = database.prepare(`
    insert into nodes (
      id, name, name_key, capabilities, added_tags, removed_tags, scheduling, weight, token_hash, transport, endpoint,
      version, joined_at_ms, last_seen_at_ms, hidden_at_ms, is_removed, direct_token
    ) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update set
      name = excluded.name,
      name_key = excluded.name_key,
      capabilities = excluded.capabilities,
      added_tags = excluded.added_tags,
      removed_tags = excluded.removed_tags,
      scheduling = excluded.scheduling,
      weight = excluded.weight,
      token_hash = excluded.token_hash,
      transport = excluded.transport,
      endpoint = excluded.endpoint,
      version = excluded.version,
      joined_at_ms = excluded.joined_at_ms,
      last_seen_at_ms = excluded.last_seen_at_ms,
      hidden_at_ms = excluded.hidden_at_ms,
      is_removed = excluded.is_removed,
      direct_token = excluded.direct_token`);
  return (node) => {
    const nameKey = foldName(node.name);
    if (node.hiddenAtMs === null && namesake.get(nameKey, node.id) !== null) return false;
    upsert.run(
      node.id,
      node.name,
      nameKey,
      JSON.stringify(node.capabilities),
      JSON.stringify(node.addedTags),
      JSON.stringify(node.removedTags),
      node.scheduling,
      node.weight,
      node.tokenHash,
      node.transport,
      node.endpoint,
      node.version,
      node.joinedAtMs,
      node.lastSeenAtMs,
      node.hiddenAtMs,
      toBooleanColumn(node.isRemoved),
      node.directToken?.reveal() ?? null,
    );
    return true;
  };
}

export function prepareListNodes(database: Database): () => readonly NodeRecord[] {
  const select = database.prepare<unknown, []>("select * from nodes order by id");
  return () => select.all().map(fromNodeRow);
}

function fromNodeRow(nodeRow: unknown): NodeRecord {
  const row = parseRow(NodeRow, "nodes", nodeRow);
  return {
    id: row.id,
    name: row.name,
    capabilities: row.capabilities,
    addedTags: row.added_tags,
    removedTags: row.removed_tags,
    scheduling: row.scheduling,
    weight: row.weight,
    tokenHash: row.token_hash,
    transport: row.transport,
    endpoint: row.endpoint,
    directToken: toSecret(row.direct_token),
    version: row.version,
    joinedAtMs: row.joined_at_ms,
    lastSeenAtMs: row.last_seen_at_ms,
    hiddenAtMs: row.hidden_at_ms,
    isRemoved: row.is_removed,
  };
}
