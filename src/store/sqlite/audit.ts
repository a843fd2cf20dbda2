import { chainOrigin } from "../../domain/audit/audit-chain.ts";
import { nextLoopTurn } from "../../platform/loop-turn.ts";
import type { Database } from "../../platform/sqlite.ts";
import type { AuditEntry } from "../../protocol/audit.ts";
import type { AuditQuery, AuditStore } from "../audit.ts";
import type { Committer } from "./committer.ts";
import { prepareAudit } from "./statements/audit.ts";

/** A search looks at so many entries before it lets others have the event loop: about 5 ms. */
const entriesPerStep = 10_000;

export function createAuditStore(database: Database, committer: Committer): AuditStore {
  const audit = prepareAudit(database);

  async function list(query: AuditQuery): Promise<readonly AuditEntry[]> {
    const oldest = await committer.read(audit.oldest);
    const newest = await committer.read(audit.newest);
    if (oldest === null || newest === null) return [];
    const found: AuditEntry[] = [];
    let beforeSeq = Math.min(query.beforeSeq ?? Number.MAX_SAFE_INTEGER, newest.seq + 1);
    while (beforeSeq > oldest.seq && found.length < query.limit) {
      const window = { fromSeq: beforeSeq - entriesPerStep, beforeSeq };
      const rest = { ...query, limit: query.limit - found.length };
      found.push(...(await committer.read(() => audit.search(rest, window))));
      beforeSeq = window.fromSeq;
      await nextLoopTurn();
    }
    return found;
  }

  return {
    append: (facts) => committer.write("full", () => audit.append(facts)),
    list,
    read: (fromSeq, limit) => committer.read(() => audit.read(fromSeq, limit)),
    start: () =>
      committer.read(() => {
        const oldest = audit.oldest();
        return oldest === null
          ? { seq: chainOrigin.seq + 1, previousHash: chainOrigin.hash }
          : { seq: oldest.seq, previousHash: oldest.previous_hash };
      }),
    newest: () => committer.read(audit.newest),
    prune: (beforeSeq) => committer.write("process", () => audit.prune(beforeSeq)),
  };
}
