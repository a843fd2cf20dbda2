import type { Clock } from "../platform/clock.ts";
import type { Deadlines } from "../platform/deadlines.ts";
import { sha256Hex } from "../platform/hash.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { AttemptKey, MeshId } from "../protocol/ids.ts";
import type { AttemptRef, OfferFrame } from "../protocol/link/v1/frames.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt, StopReason } from "../runtimes/runtime.ts";
import { boundOutcome } from "./attempt-outcome.ts";
import { createRunText, type RunText } from "./run-text.ts";

/** Time a runtime has to settle after it was asked to stop; then the agent settles in its place. */
export const stopLimitMs = 10_000;

/** What an attempt that was taken up after a restart is given at least, though its time may be over. */
const reattachLimitMs = 5_000;

/** One attempt that a runtime works on, or has left unsettled. */
export interface AttemptRun {
  readonly key: AttemptKey;
  readonly ref: AttemptRef;
  readonly runtime: RuntimeKind;
  /** When the attempt was journalled; epoch. */
  readonly startedAtMs: number;
  readonly text: RunText;
  readonly isRecovering: () => boolean;
  readonly stop: (reason: StopReason) => void;
}

export interface AttemptRunDeps {
  readonly key: AttemptKey;
  readonly offer: OfferFrame;
  readonly startedAtMs: number;
  readonly runtime: Runtime;
  /** null: the coordinator is a classic one, which has no conversations. */
  readonly meshId: MeshId | null;
  /** The operator's limit for one run; null: only the task's own. */
  readonly maxRunMs: number | null;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** There is new text. */
  readonly onText: (run: AttemptRun) => void;
  readonly onRecovering: (run: AttemptRun) => void;
  /** Once, never within the call that began the run. */
  readonly onSettled: (run: AttemptRun, outcome: RunOutcome) => void;
  /** The adapter broke its promise never to reject. */
  readonly onFault: (error: unknown) => void;
}

/** Hands the attempt to its runtime. */
export function startRun(deps: AttemptRunDeps): AttemptRun {
  return createRun(deps, runLimitMs(deps), (attempt, control) => deps.runtime.run(attempt, control));
}

/**
 * Takes up an attempt that a former process had started; where its runtime cannot, the attempt is lost, and fenced if
 * it stood on its own: a named conversation is never touched.
 */
export function reattachRun(deps: AttemptRunDeps): AttemptRun {
  const { runtime, offer, clock } = deps;
  const leftMs = deps.startedAtMs + runLimitMs(deps) - clock.nowMs();
  return createRun(deps, Math.max(reattachLimitMs, leftMs), async (attempt, control) => {
    const outcome = await runtime.reattach(attempt, control);
    if (outcome !== null) return outcome;
    const fenced = offer.session === undefined && (await runtime.fence(attempt));
    return { kind: "lost", started: true, fenced, reason: "the node agent was restarted during the run" };
  });
}

/** The smaller of what was left of the task's time when the attempt was offered and the operator's limit. */
function runLimitMs({ offer, maxRunMs }: AttemptRunDeps): number {
  return Math.min(offer.timeout_ms, maxRunMs ?? Number.POSITIVE_INFINITY);
}

type Work = (attempt: RuntimeAttempt, control: RunControl) => Promise<RunOutcome>;

/** `running → (stopping →) settled`; the runtime settles it, or the agent when the runtime does not in time. */
function createRun(deps: AttemptRunDeps, timeoutMs: number, work: Work): AttemptRun {
  const { key, offer, deadlines } = deps;
  const controller = new AbortController();
  const text = createRunText();
  let isRecovering = false;
  let isSettled = false;
  let forgetDeadline = deadlines.in(timeoutMs, () => stop("timeout"));

  const settle = (outcome: RunOutcome) => {
    if (isSettled) return;
    // First, as an outcome that is none must not leave the run unsettled.
    const bounded = boundOutcome(outcome);
    isSettled = true;
    isRecovering = false;
    forgetDeadline();
    deps.onSettled(run, bounded);
  };

  const stop = (reason: StopReason) => {
    if (isSettled || controller.signal.aborted) return;
    forgetDeadline();
    forgetDeadline = deadlines.in(stopLimitMs, () => settle(unstoppedOutcome(reason)));
    controller.abort(reason);
  };

  const run: AttemptRun = {
    key,
    ref: { task: offer.task, attempt: offer.attempt },
    runtime: deps.runtime.kind,
    startedAtMs: deps.startedAtMs,
    text,
    isRecovering: () => isRecovering,
    stop,
  };

  const control: RunControl = {
    signal: controller.signal,
    onChunk: (chunk) => {
      if (isSettled) return;
      text.add(chunk);
      deps.onText(run);
    },
    onRecovering: (recovering) => {
      if (isSettled || recovering === isRecovering) return;
      isRecovering = recovering;
      deps.onRecovering(run);
    },
  };

  const begin = async () => {
    try {
      settle(await work(toRuntimeAttempt(deps, timeoutMs), control));
    } catch (error) {
      deps.onFault(error);
      // An adapter that throws before its first wait must not settle within the call that began it.
      await Promise.resolve();
      settle({
        kind: "failed",
        failure: {
          class: "runtime_error",
          kind: "internal",
          message: `the ${deps.runtime.kind} adapter failed; see the log of the node agent`,
        },
      });
    }
  };
  void begin();
  return run;
}

function toRuntimeAttempt({ key, offer, meshId }: AttemptRunDeps, timeoutMs: number): RuntimeAttempt {
  const { session } = offer;
  return {
    key,
    content: offer.content,
    source: offer.source,
    session: session === undefined ? null : { ...session, key: sessionKeyOf(meshId, session.key) },
    labels: offer.labels ?? {},
    effects: offer.effects,
    timeoutMs,
    isUntrusted: offer.untrusted === true,
  };
}

/** A machine may be a node of two meshes, with one gateway: owners and sessions of the same name are not the same there. */
function sessionKeyOf(meshId: MeshId | null, key: string): string {
  return sha256Hex(`${meshId ?? ""}\n${key}`).slice(0, key.length);
}

/** The runtime was asked to stop and did not say what became of the run. */
function unstoppedOutcome(reason: StopReason): RunOutcome {
  const message = `the runtime did not stop within ${stopLimitMs / 1000} s`;
  if (reason === "timeout") return { kind: "failed", failure: { class: "timeout", message } };
  return { kind: "lost", started: true, fenced: false, reason: message };
}
