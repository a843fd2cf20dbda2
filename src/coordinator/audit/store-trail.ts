import { type ChainPosition, chainOrigin } from "../../domain/audit/audit-chain.ts";
import { toStorableFact } from "../../domain/audit/audit-text.ts";
import type { Clock } from "../../platform/clock.ts";
import { toIsoTime } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { AuditEntry } from "../../protocol/audit.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { AuditFact, AuditStore } from "../../store/audit.ts";
import type { AuditedAct, AuditTrail } from "./audit-trail.ts";

/** Entries that wait for the disk; beyond it, they are refused and logged. */
export const maxQueuedEntries = 10_000;

/** Entries that one commit takes. */
const maxBatch = 500;

/** After a write that failed: pause before the next try, doubled up to the second one after each failure. */
export const retryPauseMs = 1_000;
const maxRetryPauseMs = 5_000;

/** The log gets the head of the chain whenever so many entries have been added, so that a log kept elsewhere anchors it. */
export const entriesPerAnchor = 1_000;

/** Entries that are logged one by one when they cannot be stored any more. */
const maxLoggedLosses = 100;

/** The trail of a running coordinator. */
export interface StoreTrail extends AuditTrail {
  /** The newest entry that is known to be stored. */
  readonly head: () => ChainPosition;
  /** Writes what waits, with one more try where the disk failed, and logs what is lost. Later calls are refused. */
  readonly close: () => Promise<void>;
}

interface StoreTrailOptions {
  readonly store: AuditStore;
  /** Of the whole store. */
  readonly sync: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  /** Called after every write. */
  readonly onWritten?: (newest: AuditEntry) => void;
}

interface QueuedFact {
  readonly fact: AuditFact;
  /** null: nobody waits, or who did was told of a failure. */
  settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | null;
}

/**
 * Adds to the chain, one write at a time; what comes meanwhile shares the next one.
 *
 * ```
 * record ─▶ queue ─▶ append (one full commit) ─▶ resolved
 *            ▲          │ fails: who waits is told, the entries stay first in the queue
 *            └─ pause ──┘        and `trouble` says why until the disk takes them
 * ```
 */
export async function createStoreTrail(options: StoreTrailOptions): Promise<StoreTrail> {
  const { store, clock, log } = options;
  let head: ChainPosition = (await store.newest()) ?? chainOrigin;
  const queue: QueuedFact[] = [];
  /** Length of the batch whose write failed: it may be in the chain all the same. 0: none. */
  let doubtful = 0;
  let trouble: string | null = null;
  let writing: Promise<void> | null = null;
  let cancelRetry: (() => void) | null = null;
  let nextPauseMs = retryPauseMs;
  let isClosed = false;
  logHead();

  function logHead(): void {
    if (head.seq > 0) log.info("audit head", { seq: head.seq, hash: head.hash });
  }

  /** @returns the newest entry, once the batch is safe */
  async function append(batch: readonly QueuedFact[]): Promise<AuditEntry> {
    if (doubtful > 0) {
      const newest = await store.newest();
      if (newest !== null && newest.seq === head.seq + doubtful) {
        await options.sync();
        return newest;
      }
    }
    doubtful = batch.length;
    return store.append(batch.map(({ fact }) => fact));
  }

  function written(newest: AuditEntry, count: number): void {
    const before = head;
    head = newest;
    doubtful = 0;
    nextPauseMs = retryPauseMs;
    if (trouble !== null) log.info("the audit is written again", { entries: count });
    trouble = null;
    if (newest.seq !== before.seq + count) {
      log.error("the audit was changed by another program; check it with: claw-mesh audit verify", {
        expected: before.seq + count,
        found: newest.seq,
      });
    }
    if (Math.floor(newest.seq / entriesPerAnchor) > Math.floor(before.seq / entriesPerAnchor)) logHead();
    options.onWritten?.(newest);
  }

  async function writeNext(): Promise<boolean> {
    const batch = queue.slice(0, doubtful > 0 ? doubtful : maxBatch);
    try {
      const newest = await append(batch);
      queue.splice(0, batch.length);
      written(newest, batch.length);
      for (const { settle } of batch) settle?.resolve();
      return true;
    } catch (error) {
      if (trouble === null) log.error("the audit cannot be written", { error, waiting: queue.length });
      trouble = error instanceof MeshError ? error.message : String(error);
      for (const queued of queue) {
        queued.settle?.reject(error);
        queued.settle = null;
      }
      return false;
    }
  }

  async function writeAll(): Promise<void> {
    while (queue.length > 0) {
      if (await writeNext()) continue;
      retryLater();
      return;
    }
  }

  function retryLater(): void {
    if (isClosed) return;
    cancelRetry = clock.after(
      nextPauseMs,
      () => {
        cancelRetry = null;
        write();
      },
      { unref: true },
    );
    nextPauseMs = Math.min(2 * nextPauseMs, maxRetryPauseMs);
  }

  function write(): void {
    if (writing !== null || cancelRetry !== null) return;
    writing = writeAll().finally(() => {
      writing = null;
      // What came while the last commit was settling; at its end `close` writes the rest.
      if (queue.length > 0 && !isClosed) write();
    });
  }

  function record(act: AuditedAct): Promise<void> {
    const refusal = refusalOf(queue.length, isClosed);
    if (refusal !== null) return Promise.reject(refusal);
    const { details = {}, ...rest } = act;
    const fact = toStorableFact({ ...rest, details, at: toIsoTime(clock.nowMs()) });
    if (trouble !== null) {
      // It is written as soon as the disk works; nobody waits for that.
      queue.push({ fact, settle: null });
      return Promise.reject(new MeshError("STORE_UNAVAILABLE", trouble));
    }
    return new Promise((resolve, reject) => {
      queue.push({ fact, settle: { resolve, reject } });
      write();
    });
  }

  async function close(): Promise<void> {
    isClosed = true;
    cancelRetry?.();
    cancelRetry = null;
    await writing;
    if (queue.length > 0) await writeAll();
    if (queue.length > 0) log.error("audit entries are lost", { entries: queue.length });
    for (const { fact } of queue.slice(0, maxLoggedLosses)) log.error("audit entry is lost", { ...fact });
    logHead();
  }

  return {
    record,
    note: (act) => {
      record(act).catch((error: unknown) => {
        const facts = { action: act.action, target: act.target };
        // A node may say goodbye while the coordinator stops.
        if (isClosed) log.info("an act came after the end of the audit", facts);
        else log.warn("an act is not in the audit yet", { ...facts, error });
      });
    },
    trouble: () => trouble ?? refusalOf(queue.length, isClosed)?.message ?? null,
    head: () => head,
    close,
  };
}

function refusalOf(queued: number, isClosed: boolean): MeshError | null {
  if (isClosed) return new MeshError("STORE_UNAVAILABLE", "the audit is closed");
  if (queued < maxQueuedEntries) return null;
  return new MeshError("STORE_UNAVAILABLE", `${maxQueuedEntries} audit entries wait for the disk`);
}
