import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { CallRate } from "./call-rate.ts";
import { cookiePrincipal, onRevoked, type Principal } from "./principal.ts";
import { printSessionCookie, readSessionCookie } from "./session-cookie.ts";

/** Longest login; a token that expires sooner ends it sooner. */
export const sessionMs = 12 * 3600 * 1000;

/** Logins of one token at a time; one more ends the oldest. */
export const maxSessionsPerToken = 20;

/** Who logs in. */
export interface SessionOwner {
  readonly principal: Principal;
  readonly expiresAtMs: number | null;
  readonly rate: CallRate | null;
  /** Notes a call as a use of the token. */
  readonly noteUse: (address: string) => void;
}

/** A login that is good now. */
export interface Session {
  readonly principal: Principal;
  readonly owner: SessionOwner;
  readonly expiresAtMs: number;
}

/** Logins of browsers. They are in memory only, by the hash of their cookie, and end with this process. */
export interface Sessions {
  /** @returns the login, and the cookie to set */
  readonly open: (owner: SessionOwner) => { readonly session: Session; readonly cookie: string };
  /** The login of a `Cookie` header; null: the header names none. Throws TOKEN_INVALID for one that is over. */
  readonly find: (cookieHeader: string) => Session | null;
  readonly ofPrincipal: (principal: Principal) => Session | null;
  /** @returns the cookie that makes a browser forget */
  readonly close: (cookieHeader: string | null) => string;
}

interface SessionsOptions {
  readonly clock: Clock;
  /** The coordinator is called over TLS. */
  readonly isSecure: () => boolean;
}

interface Held extends Session {
  readonly end: (why: string) => void;
}

export function createSessions({ clock, isSecure }: SessionsOptions): Sessions {
  const byHash = new Map<string, Held>();
  const ofPrincipal = new WeakMap<Principal, Session>();

  function makeRoomFor({ principal }: SessionOwner): void {
    const own = [...byHash.values()].filter((held) => held.principal.subject === principal.subject);
    if (own.length >= maxSessionsPerToken) own[0]?.end("This login was ended by a newer one.");
  }

  function hold(hash: string, owner: SessionOwner): Session {
    const controller = new AbortController();
    const principal = cookiePrincipal(owner.principal, controller.signal);
    const nowMs = clock.nowMs();
    const expiresAtMs = Math.min(nowMs + sessionMs, owner.expiresAtMs ?? Number.POSITIVE_INFINITY);
    const end = (why: string) => {
      byHash.delete(hash);
      forgetOwner();
      cancelTimer();
      controller.abort(new MeshError("TOKEN_INVALID", why, { hint: "Log in again." }));
    };
    const forgetOwner = onRevoked(owner.principal, () => end("The token of this login is void."));
    const cancelTimer = clock.after(expiresAtMs - nowMs, () => end("This login is over."), { unref: true });
    const held = { principal, owner, expiresAtMs, end };
    byHash.set(hash, held);
    ofPrincipal.set(principal, held);
    return held;
  }

  function lookUp(cookieHeader: string): { readonly isNamed: boolean; readonly held: Held | null } {
    const value = readSessionCookie(cookieHeader, isSecure());
    if (value === null) return { isNamed: false, held: null };
    const held = byHash.get(sha256Hex(value)) ?? null;
    if (held !== null && held.expiresAtMs <= clock.nowMs()) {
      held.end("This login is over.");
      return { isNamed: true, held: null };
    }
    return { isNamed: true, held };
  }

  return {
    open: (owner) => {
      makeRoomFor(owner);
      const value = createSecret() + createSecret();
      const session = hold(sha256Hex(value), owner);
      const maxAgeS = Math.floor((session.expiresAtMs - clock.nowMs()) / 1000);
      return { session, cookie: printSessionCookie(value, maxAgeS, isSecure()) };
    },
    find: (cookieHeader) => {
      const { isNamed, held } = lookUp(cookieHeader);
      if (!isNamed) return null;
      if (held === null)
        throw new MeshError("TOKEN_INVALID", "This login is over.", { hint: "Log in again." });
      return held;
    },
    ofPrincipal: (principal) => ofPrincipal.get(principal) ?? null,
    close: (cookieHeader) => {
      if (cookieHeader !== null) lookUp(cookieHeader).held?.end("This login was ended.");
      return printSessionCookie("", 0, isSecure());
    },
  };
}
