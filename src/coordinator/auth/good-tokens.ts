import type { CancelTimer, Clock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TokenId } from "../../protocol/ids.ts";
import type { TokenRecord } from "../../store/tokens.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import { ownAct } from "../audit/own-act.ts";
import { type CallRate, createCallRate } from "./call-rate.ts";
import { type Principal, tokenPrincipal } from "./principal.ts";
import { toDigest } from "./token-digest.ts";

/** The expiry of what is open is looked at this often at least: the clock on the wall may be set, or a machine may sleep. */
export const expiryLookMs = 5_000;

/** A token that is good now. */
export interface GoodToken {
  readonly id: TokenId;
  readonly name: string;
  readonly tokenHash: string;
  readonly digest: Uint8Array;
  readonly expiresAtMs: number | null;
  readonly principal: Principal;
  /** null: it may call as often as it likes. */
  readonly rate: CallRate | null;
}

/** Those that are good, by hash. One whose time has come is good no more, whether or not anybody asks for it. */
export interface GoodTokens {
  readonly find: (tokenHash: string) => GoodToken | null;
  readonly findById: (id: string) => GoodToken | null;
  readonly count: () => number;
  /** @param rate the one that it has used up a part of; left out: a fresh one */
  readonly add: (record: TokenRecord, rate?: CallRate | null) => void;
  /** Aborts its principal's signal with the reason. @returns what it was; null: it was not good */
  readonly end: (tokenHash: string, why: MeshError) => GoodToken | null;
  readonly start: () => void;
  readonly stop: () => void;
}

export interface GoodTokensOptions {
  /** Something became void: its principal's signal has been aborted. */
  readonly onEnded: () => void;
  readonly audit: Pick<AuditTrail, "note">;
  readonly clock: Clock;
}

interface Held extends GoodToken {
  readonly controller: AbortController;
}

export function createGoodTokens({ onEnded, audit, clock }: GoodTokensOptions): GoodTokens {
  const byHash = new Map<string, Held>();
  let cancelTimer: CancelTimer | null = null;
  let isStarted = false;

  const isDue = ({ expiresAtMs }: GoodToken) => hasPassed(expiresAtMs, clock.nowMs());

  function end(tokenHash: string, why: MeshError): GoodToken | null {
    const held = byHash.get(tokenHash);
    if (held === undefined) return null;
    byHash.delete(tokenHash);
    held.controller.abort(why);
    onEnded();
    return held;
  }

  function expire({ id, name, tokenHash }: Held): void {
    end(tokenHash, expired());
    audit.note(ownAct("token.expire", id, { name }));
  }

  /** One timer for all: far moments are looked at again and again, so that none is beyond what a timer can take. */
  function arm(): void {
    cancelTimer?.();
    cancelTimer = null;
    if (!isStarted) return;
    const moments = [...byHash.values()].flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
    if (moments.length === 0) return;
    const waitMs = moments.reduce((first, atMs) => Math.min(first, atMs)) - clock.nowMs();
    cancelTimer = clock.after(Math.min(Math.max(0, waitMs), expiryLookMs), look, { unref: true });
  }

  function look(): void {
    for (const held of [...byHash.values()]) if (isDue(held)) expire(held);
    arm();
  }

  return {
    find: (tokenHash) => {
      const held = byHash.get(tokenHash);
      if (held === undefined) return null;
      if (!isDue(held)) return held;
      expire(held);
      return null;
    },
    findById: (id) => [...byHash.values()].find((held) => held.id === id) ?? null,
    count: () => byHash.size,
    add: (record, rate = rateOf(record, clock)) => {
      const controller = new AbortController();
      const { id, name, tokenHash, expiresAtMs } = record;
      const principal = tokenPrincipal(record, controller.signal);
      const digest = toDigest(tokenHash);
      byHash.set(tokenHash, { id, name, tokenHash, digest, expiresAtMs, principal, rate, controller });
      arm();
    },
    end,
    start: () => {
      isStarted = true;
      arm();
    },
    stop: () => {
      isStarted = false;
      arm();
    },
  };
}

function rateOf({ ratePerMinute }: TokenRecord, clock: Clock): CallRate | null {
  return ratePerMinute === null ? null : createCallRate(ratePerMinute, clock);
}

export function hasPassed(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

export function expired(): MeshError {
  return new MeshError("TOKEN_INVALID", "This token has expired.");
}
