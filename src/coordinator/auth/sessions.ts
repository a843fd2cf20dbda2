import { timingSafeEqual } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import { Secret } from "../../protocol/secret.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import { ownAct } from "../audit/own-act.ts";
import type { CallRate } from "./call-rate.ts";
import { createNoteLimit } from "./note-limit.ts";
import { cookiePrincipal, onRevoked, type Principal } from "./principal.ts";
import { printSessionCookie, readSessionCookies } from "./session-cookie.ts";
import { toDigest } from "./token-digest.ts";

/** Longest login; a token that expires sooner ends it sooner. */
export const sessionMs = 12 * 3600 * 1000;

/** Logins of one token at a time; one more ends the oldest. */
export const maxSessionsPerToken = 20;

/** Ends of logins that the audit is told of in a minute. */
const maxNotesPerMinute = 30;

/** Who logs in. */
export interface SessionOwner {
  readonly principal: Principal;
  readonly expiresAtMs: number | null;
  readonly rate: CallRate | null;
  /** Notes a call as a use of the token. */
  readonly noteUse: (address: () => string) => void;
}

/** A login that is good now. */
export interface Session {
  readonly principal: Principal;
  readonly owner: SessionOwner;
  readonly expiresAtMs: number;
}

/** Logins of browsers. They are in memory only, by the hash of their cookie, and end with this process. */
export interface Sessions {
  /**
   * @param overTls the browser came over TLS, if only to a proxy
   * @param isBound the page keeps a key of its own, without which the cookie opens nothing
   * @returns the login, the cookie to set, and the key, if it has one
   */
  readonly open: (
    owner: SessionOwner,
    overTls: boolean,
    isBound?: boolean,
  ) => { readonly session: Session; readonly cookie: string; readonly pageKey: Secret | null };
  /**
   * The login of a `Cookie` header; null: the header names none. Throws TOKEN_INVALID for one that is over, or whose page key is
   * missing, another, or not asked for.
   */
  readonly find: (cookieHeader: string, pageKey?: string | null) => Session | null;
  readonly ofPrincipal: (principal: Principal) => Session | null;
  /** @returns what has ended, and the cookie that makes a browser forget */
  readonly close: (
    cookieHeader: string | null,
    pageKey?: string | null,
  ) => {
    readonly session: Session | null;
    readonly cookie: string;
  };
}

interface SessionsOptions {
  readonly clock: Clock;
  /** The coordinator is called over TLS. */
  readonly isSecure: () => boolean;
  readonly audit: Pick<AuditTrail, "note">;
}

/** Why a login ended of which no call tells. */
type Ending = "time" | "newer login";

interface Held extends Session {
  /** SHA-256 of the key that the page has; null: the cookie is enough. */
  readonly pageKeyHash: string | null;
  readonly end: (why: string) => void;
}

export function createSessions({ clock, isSecure, audit }: SessionsOptions): Sessions {
  const mayNote = createNoteLimit(maxNotesPerMinute, clock);
  const byHash = new Map<string, Held>();
  const ofPrincipal = new WeakMap<Principal, Session>();

  function note({ principal }: Session, reason: Ending): void {
    if (mayNote()) audit.note(ownAct("session.end", principal.subject, { reason }));
  }

  function endByTime(held: Held): void {
    held.end("This login is over.");
    note(held, "time");
  }

  function makeRoomFor({ principal }: SessionOwner): void {
    const own = [...byHash.values()].filter((held) => held.principal.subject === principal.subject);
    const [oldest] = own;
    if (oldest === undefined || own.length < maxSessionsPerToken) return;
    oldest.end("This login was ended by a newer one.");
    note(oldest, "newer login");
  }

  function hold(hash: string, owner: SessionOwner, pageKeyHash: string | null): Session {
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
    const cancelTimer = clock.after(expiresAtMs - nowMs, () => endByTime(held), { unref: true });
    const held: Held = { principal, owner, expiresAtMs, pageKeyHash, end };
    byHash.set(hash, held);
    ofPrincipal.set(principal, held);
    return held;
  }

  function findByValue(value: string): Held | null {
    const held = byHash.get(sha256Hex(value)) ?? null;
    if (held === null || held.expiresAtMs > clock.nowMs()) return held;
    endByTime(held);
    return null;
  }

  /** Those that the header names, and of the good ones that which opens, or the first. */
  function lookUp(cookieHeader: string, pageKey: string | null) {
    const named = readSessionCookies(cookieHeader, isSecure());
    const good = named.flatMap(({ value, isSecure: isNamedSecure }) => {
      const held = findByValue(value);
      return held === null ? [] : [{ held, isNamedSecure, isOpened: opensWith(held, pageKey) }];
    });
    const chosen = good.find(({ isOpened }) => isOpened) ?? good[0];
    return { named, ...(chosen ?? noneHeld(named[0]?.isSecure === true)) };
  }

  return {
    open: (owner, overTls, isBound = false) => {
      makeRoomFor(owner);
      const value = createSecret() + createSecret();
      const pageKey = isBound ? new Secret(createSecret()) : null;
      const session = hold(sha256Hex(value), owner, pageKey === null ? null : sha256Hex(pageKey.reveal()));
      const maxAgeS = Math.floor((session.expiresAtMs - clock.nowMs()) / 1000);
      return { session, cookie: printSessionCookie(value, maxAgeS, overTls || isSecure()), pageKey };
    },
    find: (cookieHeader, pageKey = null) => {
      const { named, held, isOpened } = lookUp(cookieHeader, pageKey);
      if (named.length === 0) return null;
      if (held === null)
        throw new MeshError("TOKEN_INVALID", "This login is over.", { hint: "Log in again." });
      if (!isOpened) {
        throw new MeshError(
          "TOKEN_INVALID",
          "This login and the key that the page shows do not belong together.",
          {
            hint: "Log in again.",
          },
        );
      }
      return held;
    },
    ofPrincipal: (principal) => ofPrincipal.get(principal) ?? null,
    close: (cookieHeader, pageKey = null) => {
      const shown = cookieHeader === null ? null : lookUp(cookieHeader, pageKey);
      const ended = shown?.isOpened === true ? shown.held : null;
      ended?.end("This login was ended.");
      const cookie = printSessionCookie("", 0, shown?.isNamedSecure === true || isSecure());
      return { session: ended, cookie };
    },
  };
}

function noneHeld(isNamedSecure: boolean) {
  return { held: null, isNamedSecure, isOpened: false } as const;
}

/**
 * The key is compared by its hash, as tokens are. A page that shows one has a login that is bound: any other was put there by
 * somebody else, such as a page at another port, whose it would then be.
 */
function opensWith({ pageKeyHash }: Held, pageKey: string | null): boolean {
  if (pageKeyHash === null || pageKey === null) return pageKeyHash === pageKey;
  return timingSafeEqual(toDigest(sha256Hex(pageKey)), toDigest(pageKeyHash));
}
