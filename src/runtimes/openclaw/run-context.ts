import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { exceedsBytes } from "../../platform/text-size.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "../runtime.ts";
import type { StopSignal } from "../stop-signal.ts";
import type { GatewayConnection } from "./connection.ts";
import type { GatewayReply } from "./reply.ts";
import type { RunWatch } from "./run-watch.ts";

/** What the parts of this adapter share. */
export interface GatewayAccess {
  readonly connection: GatewayConnection;
  /** Opens a short connection with the administrator's scope; null where the gateway refuses it. */
  readonly openAdmin: () => Promise<GatewayConnection | null>;
  readonly clock: Clock;
  readonly log: Log;
  readonly maxAnswerBytes: number;
}

/** One attempt while this adapter is at it. */
export interface RunContext {
  readonly access: GatewayAccess;
  readonly attempt: RuntimeAttempt;
  readonly control: RunControl;
  readonly sessionKey: string;
  readonly stop: StopSignal;
  readonly watch: RunWatch;
  readonly progress: RunProgress;
}

/** What to do next about a run whose outcome is not known. */
export type NextRound = "submit" | "follow";

/** What is known of the run in the gateway; the only state of a run that changes. */
export interface RunProgress {
  /** Of the gateway process that the message was sent to; null when a former node agent sent it. */
  bootId: string | null;
  /** The attempt's own at first; after a crash that of the recovery, as soon as it is known. */
  runId: string;
  /** The message was written to a connection, now or by a former node agent. */
  isSubmitted: boolean;
  /** The gateway has said, or shown by an event, that it has the message. */
  isAccepted: boolean;
  /** The call that waits for the final answer; null when its connection is lost. */
  final: Promise<GatewayReply> | null;
  /** Of our monotonic clock, when the call that waited for the answer was lost first. */
  lostAtMs: number | null;
  isRecovering: boolean;
  /** The run has settled: nothing may be told of it any more. */
  isOver: boolean;
}

export function setRecovering(run: RunContext, isRecovering: boolean): void {
  if (run.progress.isOver || run.progress.isRecovering === isRecovering) return;
  run.progress.isRecovering = isRecovering;
  run.control.onRecovering(isRecovering);
}

/** What a run settles with when it has come to an end in the gateway; corrects what was streamed. */
export function settleRun(run: RunContext, outcome: RunOutcome): RunOutcome {
  if (outcome.kind === "succeeded") {
    if (exceedsBytes(outcome.text, run.access.maxAnswerBytes))
      return tooLargeOutcome(run.access.maxAnswerBytes);
    run.watch.complete(outcome.text);
    return outcome;
  }
  if (outcome.kind === "cancelled" && run.stop.cause() === null) {
    return stoppedInOpenclaw;
  }
  return outcome;
}

/** Somebody on the gateway's side wants the run not to be: it is not tried again elsewhere. */
export const stoppedInOpenclaw = {
  kind: "failed",
  failure: { class: "runtime_error", kind: "bad_request", message: "the run was stopped in OpenClaw" },
} as const satisfies RunOutcome;

export function tooLargeOutcome(maxAnswerBytes: number): RunOutcome {
  return {
    kind: "failed",
    failure: { class: "too_large", message: `the answer is longer than ${maxAnswerBytes} bytes` },
  };
}

export function lostOutcome(reason: string, isFenced = false): RunOutcome {
  return { kind: "lost", started: true, fenced: isFenced, reason };
}

/** Nothing was submitted, and nothing will be. */
export function notStarted(reason: string): RunOutcome {
  return { kind: "lost", started: false, fenced: true, reason };
}
