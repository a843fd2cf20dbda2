import type { Clock } from "../../platform/clock.ts";
import type { GatewayConnection, GatewayIdentity } from "./connection.ts";
import type { ConnectionProblem } from "./connection-problem.ts";

interface WaitOptions {
  readonly clock: Clock;
  readonly withinMs: number;
  readonly signal?: AbortSignal;
  /** Ends the wait when a try has failed in such a way. */
  readonly isHopeless?: (problem: ConnectionProblem) => boolean;
}

/** Waits for the handshake; null when the time is over first, the signal was aborted, or the connection is closed. */
export function waitConnected(
  connection: GatewayConnection,
  { clock, withinMs, signal, isHopeless }: WaitOptions,
): Promise<GatewayIdentity | null> {
  connection.start();
  const { promise, resolve } = Promise.withResolvers<GatewayIdentity | null>();
  const check = () => {
    const state = connection.state();
    if (state.kind === "connected") settle(state.gateway);
    else if (state.kind === "closed") settle(null);
    else if (state.kind === "connecting" && state.problem !== null && isHopeless?.(state.problem) === true)
      settle(null);
  };
  const giveUp = () => settle(null);
  const settle = (gateway: GatewayIdentity | null) => {
    stopListening();
    cancelTimer();
    signal?.removeEventListener("abort", giveUp);
    resolve(gateway);
  };
  const stopListening = connection.onState(check);
  const cancelTimer = clock.after(withinMs, giveUp);
  signal?.addEventListener("abort", giveUp, { once: true });
  if (signal?.aborted === true) giveUp();
  else check();
  return promise;
}
