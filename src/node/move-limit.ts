import type { Clock } from "../platform/clock.ts";
import type { Log } from "../platform/log.ts";
import { createRateGate } from "../platform/rate-gate.ts";

/** Moves to another mesh that may follow each other at once, and the time after which there may be one more. */
export const maxMoves = 5;
export const moveIntervalMs = 15 * 60_000;

/**
 * Holds moves back that come too often: each leaves a folder and a journal behind, and whoever answers at the coordinator's
 * address names the mesh.
 */
export interface MoveLimit {
  /** Resolves when the next move may begin, or was let go. */
  readonly wait: () => Promise<void>;
  /** Nobody wants to move any more. */
  readonly letGo: () => void;
}

export function createMoveLimit({
  clock,
  log,
}: {
  readonly clock: Pick<Clock, "monotonicMs" | "after">;
  readonly log: Pick<Log, "warn">;
}): MoveLimit {
  const gate = createRateGate({ burst: maxMoves, everyMs: moveIntervalMs, maxKeys: 1, clock });
  let wake: () => void = () => {};
  let isOver = false;
  return {
    wait: async () => {
      while (!isOver && !gate.take("move")) {
        log.warn("another mesh with every answer: the node waits before it joins the next", {
          wait_ms: moveIntervalMs,
        });
        const { promise, resolve } = Promise.withResolvers<void>();
        const cancel = clock.after(moveIntervalMs, resolve);
        wake = resolve;
        await promise;
        cancel();
      }
    },
    letGo: () => {
      isOver = true;
      wake();
    },
  };
}
