import type { Clock } from "../platform/clock.ts";
import type { AttemptKey } from "../protocol/ids.ts";
import { createKeyTurns } from "./key-turns.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "./runtime.ts";
import { closedOutcome, toStopOutcome } from "./stop-outcome.ts";

/** Reason of the signal when the adapter itself lets go of a run: it was closed, or is to fence it. */
const letGoReason = "let go";

/** The attempts of one adapter: bounded in time, one at a time for each session, stopped together. */
export interface BoundedAttempts {
  /** `work` has to settle soon after its signal is aborted; it is not called for an attempt that was stopped before. */
  readonly run: (
    attempt: RuntimeAttempt,
    control: RunControl,
    work: (signal: AbortSignal) => Promise<RunOutcome>,
  ) => Promise<RunOutcome>;
  /**
   * Stops an attempt that runs. false: it is not certain that it does nothing more, or it does not run here: what an earlier
   * process of the node agent has asked for, nobody can stop any more.
   */
  readonly fence: (key: AttemptKey) => Promise<boolean>;
  /** Stops all, and runs none from then on. */
  readonly close: () => Promise<void>;
}

export function createBoundedAttempts(clock: Clock): BoundedAttempts {
  const turns = createKeyTurns();
  const running = new Map<
    AttemptKey,
    { readonly stop: AbortController; readonly end: Promise<RunOutcome> }
  >();
  let isClosed = false;

  const bound = async (
    attempt: RuntimeAttempt,
    stop: AbortController,
    work: (signal: AbortSignal) => Promise<RunOutcome>,
  ): Promise<RunOutcome> => {
    const { session } = attempt;
    const endTurn = session === null ? () => {} : await turns.begin(session.key, stop.signal);
    if (endTurn === null) return toStoppedOutcome(stop.signal.reason, { isStarted: false, isFenced: true });
    try {
      return await work(stop.signal);
    } finally {
      endTurn();
    }
  };

  return {
    run: async (attempt, control, work) => {
      if (isClosed) return closedOutcome;
      if (control.signal.aborted) return toStopOutcome(control.signal.reason);
      const stop = new AbortController();
      const onAbort = () => stop.abort(control.signal.reason);
      const cancelDeadline = clock.after(attempt.timeoutMs, () => stop.abort("timeout"));
      control.signal.addEventListener("abort", onAbort, { once: true });
      const end = bound(attempt, stop, work);
      running.set(attempt.key, { stop, end });
      try {
        return await end;
      } finally {
        running.delete(attempt.key);
        cancelDeadline();
        control.signal.removeEventListener("abort", onAbort);
      }
    },
    fence: async (key) => {
      const run = running.get(key);
      if (run === undefined) return false;
      run.stop.abort(letGoReason);
      const outcome = await run.end;
      return outcome.kind !== "lost" || outcome.fenced;
    },
    close: async () => {
      isClosed = true;
      const runs = [...running.values()];
      for (const { stop } of runs) stop.abort(letGoReason);
      await Promise.allSettled(runs.map(({ end }) => end));
    },
  };
}

/** What a run settles with that was stopped, and whose end is certain unless `isFenced` is false. */
export function toStoppedOutcome(
  reason: unknown,
  { isStarted, isFenced }: { readonly isStarted: boolean; readonly isFenced: boolean },
): RunOutcome {
  if (reason !== letGoReason && (isFenced || reason === "timeout")) return toStopOutcome(reason);
  if (reason === letGoReason) return { ...closedOutcome, started: isStarted, fenced: isFenced };
  return {
    kind: "lost",
    started: isStarted,
    fenced: false,
    reason: "the runtime did not say that it stopped",
  };
}
