import { pruneAction } from "../../domain/audit/chain-check.ts";
import { type Clock, delay } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { AuditEntry } from "../../protocol/audit.ts";
import type { AuditStore } from "../../store/audit.ts";
import { StoreClosedError } from "../../store/store-closed.ts";
import type { AuditTrail } from "./audit-trail.ts";
import { ownAct } from "./own-act.ts";

/** Entries that are kept; about 250 MB. */
export const defaultMaxAuditEntries = 500_000;

/** So many more may come before the oldest are deleted. */
export const pruneSlack = 1_000;

/** Between two steps, so that others have the disk. */
const stepPauseMs = 20;

export interface AuditPruning {
  /** Call it with the newest entry after every write. */
  readonly noteWritten: (newest: AuditEntry) => void;
  /** Keeps every entry until the work has ended. */
  readonly whileKept: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** Resolves when nothing of it touches the store any more. */
  readonly stop: () => Promise<void>;
}

interface AuditPruningOptions {
  readonly store: AuditStore;
  readonly trail: Pick<AuditTrail, "record">;
  readonly maxEntries: number;
  readonly clock: Clock;
  readonly log: Pick<Log, "warn">;
}

/**
 * Deletes the oldest entries. The chain says so first, and where it begins from then on: otherwise nobody could tell
 * that from tampering.
 */
export async function createAuditPruning(options: AuditPruningOptions): Promise<AuditPruning> {
  const { store, trail, maxEntries, clock, log } = options;
  let firstSeq = (await store.start()).seq;
  let pruning: Promise<void> | null = null;
  let keepers = 0;
  const stopping = new AbortController();

  async function prune(newestSeq: number): Promise<void> {
    const nextFirstSeq = newestSeq - maxEntries + 1;
    const [first] = await store.read(nextFirstSeq, 1);
    if (first === undefined) return;
    await trail.record(
      ownAct(pruneAction, null, {
        first_seq: nextFirstSeq,
        previous_hash: first.previous_hash,
        removed: nextFirstSeq - firstSeq,
      }),
    );
    while ((await store.prune(nextFirstSeq)) > 0) {
      if ((await delay(clock, stepPauseMs, stopping.signal)) === "aborted") return;
    }
    firstSeq = nextFirstSeq;
  }

  return {
    noteWritten: ({ seq }) => {
      const isDue = seq - firstSeq + 1 >= maxEntries + pruneSlack;
      if (!isDue || pruning !== null || keepers > 0 || stopping.signal.aborted) return;
      pruning = prune(seq)
        .catch((error: unknown) => {
          if (!(error instanceof StoreClosedError)) log.warn("old audit entries were not deleted", { error });
        })
        .finally(() => {
          pruning = null;
        });
    },
    whileKept: async (work) => {
      keepers += 1;
      try {
        await pruning;
        return await work();
      } finally {
        keepers -= 1;
      }
    },
    stop: async () => {
      stopping.abort();
      await pruning;
    },
  };
}
