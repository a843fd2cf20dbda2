import type { Clock } from "../../platform/clock.ts";
import { toStoreError } from "../../platform/sqlite-errors.ts";
import { MeshError } from "../../protocol/errors.ts";

export interface SharedSyncOptions {
  /** Makes all earlier commits durable in full. */
  readonly flush: () => Promise<void>;
  readonly clock: Clock;
  /** From the start of one flush to the start of the next. */
  readonly intervalMs: number;
}

/**
 * Lets many callers share one flush. A flush covers those who called before it began; who calls while one runs gets the
 * next one.
 */
export interface SharedSync {
  /** Rejects with STORE_UNAVAILABLE when the flush failed. */
  readonly sync: () => Promise<void>;
  /** Waits for the flush on its way; those who wait for a later one get it at once. Later calls are refused. */
  readonly close: () => Promise<void>;
}

export function createSharedSync({ flush, clock, intervalMs }: SharedSyncOptions): SharedSync {
  let waiting: PromiseWithResolvers<void> | null = null;
  let running: Promise<void> | null = null;
  let cancelTimer: (() => void) | null = null;
  let nextStartMs = 0;
  let isClosed = false;

  function schedule(): void {
    if (waiting === null || running !== null || cancelTimer !== null) return;
    cancelTimer = clock.after(Math.max(0, nextStartMs - clock.monotonicMs()), () => {
      cancelTimer = null;
      start();
    });
  }

  function start(): void {
    const callers = waiting;
    if (callers === null) return;
    waiting = null;
    nextStartMs = clock.monotonicMs() + intervalMs;
    running = flush().then(callers.resolve, (error: unknown) => callers.reject(toSyncError(error)));
    running = running.finally(() => {
      running = null;
      if (!isClosed) schedule();
    });
  }

  return {
    sync: () => {
      if (isClosed) return Promise.reject(new MeshError("STORE_UNAVAILABLE", "the store is closed"));
      waiting ??= Promise.withResolvers<void>();
      schedule();
      return waiting.promise;
    },
    close: async () => {
      isClosed = true;
      cancelTimer?.();
      cancelTimer = null;
      await running;
      start();
      await running;
    },
  };
}

function toSyncError(error: unknown): MeshError {
  const storeError = toStoreError(error);
  if (storeError.code !== "INTERNAL") return storeError;
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return new MeshError("STORE_UNAVAILABLE", `the disk did not take what was written${code}`, {
    cause: error,
  });
}
