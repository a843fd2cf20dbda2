import type { RunOutcome } from "./runtime.ts";

/**
 * What a run settles with once it has stopped because its signal was aborted.
 * @param reason the signal's `reason`; anything that is not a stop reason counts as `cancelled`
 */
export function toStopOutcome(reason: unknown): RunOutcome {
  if (reason !== "timeout") return { kind: "cancelled" };
  return {
    kind: "failed",
    failure: {
      class: "timeout",
      message: "the time of the message was over before the runtime had answered",
    },
  };
}

/** What a run settles with that was asked for after `close()`. */
export const closedOutcome = {
  kind: "lost",
  started: false,
  fenced: true,
  reason: "the node agent is stopping",
} as const satisfies RunOutcome;
