import type { Clock } from "../../platform/clock.ts";
import { toStoreError } from "../../platform/sqlite-errors.ts";
import { MeshError } from "../../protocol/errors.ts";
import { StoreClosedError } from "../store-closed.ts";

/** After a flush that failed, all are refused for so long: a failing disk is slow to say so. */
export const failedPauseMs = 1_000;

export interface SharedSyncOptions {
  /** Makes all earlier commits durable in full. */
  readonly flush: () => Promise<void>;
  readonly clock: Clock;
  /** From the start of one flush to the start of the next, when nobody is in a hurry. */
  readonly intervalMs: number;
}

/**
 * Lets many callers share one flush. A flush covers those who called before it began; who calls while one runs gets the
 * next one. When one fails, those who wait for the next are refused too: what they had committed is as much in doubt.
 *
 * ```
 * idle ──sync──▶ waiting ──interval──▶ flushing ──▶ idle, or waiting when somebody called meanwhile
 *   │               └─────syncNow────────▲  └─failed─▶ refusing for failedPauseMs ─▶ idle
 *   └────────────────syncNow─────────────┘
 * ```
 */
export interface SharedSync {
  /** For those who have time. Rejects with STORE_UNAVAILABLE when the flush failed. */
  readonly sync: () => Promise<void>;
  /** Begins at once, or when the flush on its way has ended. Rejects as `sync` does. */
  readonly syncNow: () => Promise<void>;
  /** Whether the newest flush failed: earlier commits may not be on the disk. */
  readonly hasFailed: () => boolean;
  /** Waits for the flush on its way; those who wait for a later one get it at once. Later calls are refused. */
  readonly close: () => Promise<void>;
}

export function createSharedSync({ flush, clock, intervalMs }: SharedSyncOptions): SharedSync {
  let waiting: PromiseWithResolvers<void> | null = null;
  let isHurried = false;
  let running: Promise<void> | null = null;
  let cancelTimer: (() => void) | null = null;
  let nextStartMs = 0;
  let failure: { readonly error: MeshError; readonly untilMs: number } | null = null;
  let isClosed = false;

  function schedule(): void {
    if (waiting === null || running !== null) return;
    if (isHurried) {
      start();
      return;
    }
    cancelTimer ??= clock.after(Math.max(0, nextStartMs - clock.monotonicMs()), start);
  }

  function start(): void {
    cancelTimer?.();
    cancelTimer = null;
    const callers = waiting;
    if (callers === null) return;
    waiting = null;
    isHurried = false;
    nextStartMs = clock.monotonicMs() + intervalMs;
    running = flush()
      .then(
        () => {
          failure = null;
          callers.resolve();
        },
        (error: unknown) => fail(callers, toSyncError(error)),
      )
      .finally(() => {
        running = null;
        if (!isClosed) schedule();
      });
  }

  function fail(callers: PromiseWithResolvers<void>, error: MeshError): void {
    failure = { error, untilMs: clock.monotonicMs() + failedPauseMs };
    callers.reject(error);
    waiting?.reject(error);
    waiting = null;
    isHurried = false;
    cancelTimer?.();
    cancelTimer = null;
  }

  function wait(hurried: boolean): Promise<void> {
    if (isClosed) return Promise.reject(new StoreClosedError());
    if (failure !== null && clock.monotonicMs() < failure.untilMs) return Promise.reject(failure.error);
    waiting ??= Promise.withResolvers<void>();
    const { promise } = waiting;
    isHurried ||= hurried;
    schedule();
    return promise;
  }

  return {
    sync: () => wait(false),
    syncNow: () => wait(true),
    hasFailed: () => failure !== null,
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
