/**
 * Keeps work away from a node that fails again and again in one way, and tries it again by itself.
 *
 *     closed ──5th failure in a row──▶ open ──cooled──▶ half-open ──probe succeeded──▶ closed
 *                                       ▲                  │
 *                                       └── probe failed ──┘  (for twice as long)
 *
 * While it is half-open one attempt at a time may go to the node: the probe. docs/adr/0012-circuit-breaker.md
 */
export type BreakerState =
  | { readonly kind: "closed"; readonly failures: number }
  | { readonly kind: "open"; readonly untilMs: number; readonly cooldownMs: number }
  | { readonly kind: "half_open"; readonly cooldownMs: number; readonly isProbing: boolean };

export type BreakerEvent =
  /** `isProbe`: the attempt was sent although the breaker was not closed, since it opened last. */
  | { readonly kind: "failed"; readonly isProbe: boolean }
  | { readonly kind: "succeeded" }
  /** An attempt is on its way to the node. */
  | { readonly kind: "sent" }
  /** The probe ended and said nothing about the node: it was refused, cancelled, or ran out of time. */
  | { readonly kind: "probe_void" }
  /** The time it is open for may be over. */
  | { readonly kind: "looked_at" }
  /** What failed is gone: another agent process, a runtime that was started anew. */
  | { readonly kind: "reset" };

/** Failures in a row that open it. */
export const failuresToOpen = 5;

/** For how long it opens first; twice as long after every probe that fails. */
export const firstCooldownMs = 5_000;
export const maxCooldownMs = 120_000;

/** A cool-down is shorter by up to this share of it, so that breakers that opened together do not try together. */
const jitterShare = 0.2;

/** Pause after a probe that said nothing: a node that refuses is not asked as fast as it can refuse. */
export const voidPauseMs = 1_000;

export const closedBreaker: BreakerState = { kind: "closed", failures: 0 };

/** @param context.nowMs of a clock that never jumps; `random` in [0, 1) */
export function nextBreaker(
  state: BreakerState,
  event: BreakerEvent,
  context: { readonly nowMs: number; readonly random: number },
): BreakerState {
  switch (event.kind) {
    case "succeeded":
    case "reset":
      return closedBreaker;
    case "failed":
      return fail(state, event.isProbe, context);
    case "sent":
      return state.kind === "half_open" ? { ...state, isProbing: true } : state;
    case "probe_void":
      if (state.kind !== "half_open" || !state.isProbing) return state;
      return { kind: "open", untilMs: context.nowMs + voidPauseMs, cooldownMs: state.cooldownMs };
    case "looked_at":
      if (state.kind !== "open" || context.nowMs < state.untilMs) return state;
      return { kind: "half_open", cooldownMs: state.cooldownMs, isProbing: false };
    default:
      return event satisfies never;
  }
}

function fail(
  state: BreakerState,
  isProbe: boolean,
  context: { readonly nowMs: number; readonly random: number },
): BreakerState {
  if (state.kind === "closed") {
    const failures = state.failures + 1;
    return failures < failuresToOpen ? { kind: "closed", failures } : open(firstCooldownMs, context);
  }
  // One that was under way when it opened tells nothing new.
  return isProbe ? open(Math.min(maxCooldownMs, state.cooldownMs * 2), context) : state;
}

function open(
  cooldownMs: number,
  { nowMs, random }: { readonly nowMs: number; readonly random: number },
): BreakerState {
  const untilMs = nowMs + Math.round(cooldownMs * (1 - jitterShare * random));
  return { kind: "open", untilMs, cooldownMs };
}
