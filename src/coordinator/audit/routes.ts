import { MeshError } from "../../protocol/errors.ts";
import type { AuditStore } from "../../store/audit.ts";
import { takingTime } from "../http/call.ts";
import type { Handlers } from "../http/contract-routes.ts";
import type { AuditPruning } from "./audit-pruning.ts";
import type { StoreTrail } from "./store-trail.ts";
import { verifyChain } from "./verify-chain.ts";

/** Entries of one answer, when no limit is asked for. */
const defaultPageEntries = 100;

interface AuditRouteOptions {
  readonly store: AuditStore;
  readonly trail: Pick<StoreTrail, "head">;
  readonly pruning: Pick<AuditPruning, "whileKept">;
}

export function createAuditRoutes(options: AuditRouteOptions): Pick<Handlers, "listAudit" | "verifyAudit"> {
  const { store, trail, pruning } = options;

  async function listFrom(fromSeq: number, limit: number) {
    const entries = await store.read(fromSeq, limit);
    const last = entries.at(-1);
    const next = last === undefined || entries.length < limit ? null : last.seq + 1;
    return { entries: [...entries], next };
  }

  return {
    listAudit: async ({ query }) => {
      const { limit = defaultPageEntries, from, cursor, subject, action, target } = query;
      const filters = [cursor, subject, action, target];
      if (from !== undefined && filters.some((filter) => filter !== undefined)) {
        throw new MeshError(
          "QUERY_INVALID",
          "With from, the whole chain is read: no filter and no cursor go with it.",
        );
      }
      if (from !== undefined) return listFrom(from, limit);
      const entries = await store.list({
        limit,
        beforeSeq: cursor ?? null,
        subject: subject ?? null,
        action: action ?? null,
        target: target ?? null,
      });
      return { entries: [...entries], next: entries.length < limit ? null : (entries.at(-1)?.seq ?? null) };
    },
    verifyAudit: (call) =>
      takingTime(call, () =>
        pruning.whileKept(() => {
          const { hash } = trail.head();
          const heads = call.query.head === undefined ? [hash] : [call.query.head, hash];
          return verifyChain(store, { heads, signal: call.signal });
        }),
      ),
  };
}
