import { delay } from "../../platform/clock.ts";
import type { RunControl, RunOutcome, RuntimeAttempt } from "../runtime.ts";
import { toStopOutcome } from "../stop-outcome.ts";
import { type StopSignal, stopped } from "../stop-signal.ts";
import type { ConnectionState, GatewayIdentity } from "./connection.ts";
import { isLasting } from "./connection-problem.ts";
import { followRound } from "./follow-round.ts";
import { type GatewayAccess, type NextRound, notStarted, type RunContext, settleRun } from "./run-context.ts";
import { watchRun } from "./run-watch.ts";
import { toSessionKey } from "./session-key.ts";
import { stopRun } from "./stop-run.ts";
import { submitRound } from "./submit-round.ts";
import { waitConnected } from "./wait-connected.ts";

/** A lost connection is usually back in less; a gateway that starts takes longer, and another node may be free. */
const connectWaitMs = 2_000;
/** On top of it for a gateway that is there and busy: nothing has failed yet, it is only slow to greet. */
const greetingWaitMs = 3_000;
/** Between two looks at a run. */
const roundPauseMs = 100;

/** Submits an attempt and sees it to its end. */
export async function runAttempt(
  access: GatewayAccess,
  attempt: RuntimeAttempt,
  { control, stop }: { readonly control: RunControl; readonly stop: StopSignal },
): Promise<RunOutcome> {
  const gateway = await waitForGateway(access, stop);
  const cause = stop.cause();
  if (cause === "closed") return notStarted("the node agent is stopping");
  if (cause !== null) return toStopOutcome(cause);
  if (gateway === null) return toNotReadyOutcome(access.connection.state());
  return withRun({ access, attempt, control, stop, bootId: gateway.bootId }, "submit");
}

/** Takes up an attempt that a former node agent process may have submitted; null: the gateway knows nothing of it. */
export async function reattachAttempt(
  access: GatewayAccess,
  attempt: RuntimeAttempt,
  { control, stop }: { readonly control: RunControl; readonly stop: StopSignal },
): Promise<RunOutcome | null> {
  const outcome = await withRun({ access, attempt, control, stop, bootId: null }, "follow");
  return outcome.kind === "lost" && !outcome.started ? null : outcome;
}

interface RunParts extends Pick<RunContext, "access" | "attempt" | "control" | "stop"> {
  readonly bootId: string | null;
}

async function withRun({ bootId, ...parts }: RunParts, first: NextRound): Promise<RunOutcome> {
  const { access, attempt, control, stop } = parts;
  const run: RunContext = {
    ...parts,
    sessionKey: toSessionKey(attempt),
    watch: watchRun(
      {
        connection: access.connection,
        control,
        maxAnswerBytes: access.maxAnswerBytes,
        onTooLarge: () => stop.stop("too_large"),
      },
      attempt.key,
    ),
    progress: {
      bootId,
      runId: attempt.key,
      isSubmitted: first === "follow",
      isAccepted: false,
      final: null,
      lostAtMs: null,
      isRecovering: false,
      isOver: false,
    },
  };
  const stopWatching = access.connection.watchClosely();
  try {
    return settleRun(run, await seeThrough(run, first));
  } finally {
    run.progress.isOver = true;
    run.watch.end();
    stopWatching();
  }
}

/** Round after round, until the outcome is known or somebody wants the run to stop. */
async function seeThrough(run: RunContext, first: NextRound): Promise<RunOutcome> {
  let round = first;
  for (;;) {
    const result = await run.stop.orStopped(round === "submit" ? submitRound(run) : followRound(run));
    if (result === stopped) return stopRun(run);
    if (typeof result === "object") return result;
    round = result;
    // Whatever the gateway answers, it is not asked in a tight loop.
    await delay(run.access.clock, roundPauseMs, run.stop.signal);
  }
}

async function waitForGateway(
  { connection, clock }: GatewayAccess,
  stop: StopSignal,
): Promise<GatewayIdentity | null> {
  const wait = { clock, signal: stop.signal };
  // Half of a short time is kept, so that the message can still go elsewhere.
  const withinMs = Math.min(connectWaitMs, stop.leftMs() / 2);
  const gateway = await waitConnected(connection, { ...wait, withinMs, isHopeless: isLasting });
  const state = connection.state();
  const isGreeting =
    state.kind === "connecting" && (state.problem === null || state.problem.kind === "starting");
  if (gateway !== null || !isGreeting) return gateway;
  return waitConnected(connection, { ...wait, withinMs: Math.min(greetingWaitMs, stop.leftMs() / 2) });
}

/** Nothing was submitted, and nothing will be. */
function toNotReadyOutcome(state: ConnectionState): RunOutcome {
  if (state.kind === "closed") return notStarted("the node agent is stopping");
  const problem = state.kind === "connecting" ? state.problem : null;
  const message = problem?.message ?? "the OpenClaw gateway did not answer in time";
  if (problem?.kind === "unauthorized") {
    return { kind: "failed", failure: { class: "runtime_error", kind: "auth", message, nothing_done: true } };
  }
  return { kind: "failed", failure: { class: "refused", message } };
}
