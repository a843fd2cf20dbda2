import type { Clock } from "../../platform/clock.ts";
import { createRateGate } from "../../platform/rate-gate.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Principal } from "../auth/principal.ts";
import { clientKey } from "./client-key.ts";

/** How long somebody whose link sent too much may open no other: each flood costs as much as its limits allow. */
export const holdMs = 30_000;

/** Links that may break the protocol before the next one has its peer held: a message that is no good costs its reading. */
export const maxBreaches = 5;
const breachIntervalMs = 60_000;

/** Held ones that are remembered; beyond it the oldest is let go. */
const maxHeld = 10_000;

/** Keeps those away whose links sent too much. */
export interface LinkHolds {
  readonly hold: (principal: Principal, address: string) => void;
  /** A link broke the protocol: {@link maxBreaches} are borne, and one more after each {@link breachIntervalMs}. */
  readonly countBreach: (principal: Principal, address: string) => void;
  /** Throws TOO_MANY_REQUESTS while the caller is held. */
  readonly assertFree: (principal: Principal, address: string) => void;
}

export function createLinkHolds(clock: Pick<Clock, "monotonicMs">): LinkHolds {
  /** Oldest first. */
  const heldUntilMs = new Map<string, number>();
  // Many nodes may have joined with one token: only those of this client are held, whichever of its addresses they take.
  const toKey = ({ inviteHash, subject }: Principal, address: string) =>
    `${inviteHash ?? subject} ${clientKey(address) ?? "this machine"}`;

  const breaches = createRateGate({
    burst: maxBreaches,
    everyMs: breachIntervalMs,
    maxKeys: maxHeld,
    clock,
  });

  const hold = (principal: Principal, address: string) => {
    const key = toKey(principal, address);
    heldUntilMs.delete(key);
    heldUntilMs.set(key, clock.monotonicMs() + holdMs);
    const [oldest] = heldUntilMs.keys();
    if (heldUntilMs.size > maxHeld && oldest !== undefined) heldUntilMs.delete(oldest);
  };

  return {
    hold,
    countBreach: (principal, address) => {
      // Many machines may share an admin's token, and whoever has it need not break a link to do harm.
      if (principal.scopes.has("admin")) return;
      if (!breaches.take(toKey(principal, address))) hold(principal, address);
    },
    assertFree: (principal, address) => {
      const key = toKey(principal, address);
      const leftMs = (heldUntilMs.get(key) ?? 0) - clock.monotonicMs();
      if (leftMs <= 0) {
        heldUntilMs.delete(key);
        return;
      }
      throw new MeshError(
        "TOO_MANY_REQUESTS",
        "The last link sent too much, or what no node sends, and was closed.",
        {
          details: { retry_after_s: Math.ceil(leftMs / 1000) },
        },
      );
    },
  };
}
