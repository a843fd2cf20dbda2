import type { Clock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { apiTokenPrefix, shownTokenLength } from "../../protocol/token-prefix.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import { clientKey } from "../http/client-key.ts";
import { createGuessLockout } from "./guess-lockout.ts";
import { createKnownGood } from "./known-good.ts";

/** Beginnings of locks that the audit is told of in a minute; the rest happens unsaid. */
export const maxNotesPerMinute = 30;
const noteWindowMs = 60_000;

/** What was shown, and from where. */
export interface Try {
  /** As it was sent. */
  readonly token: string;
  readonly tokenHash: string;
  readonly address: string;
}

/** Keeps those out who guess: by their address, and by the beginning of what they guess. */
export interface GuessGuard {
  /** Throws TOO_MANY_TRIES before the token is looked at, unless it was good before, from there or, for its beginning, anywhere. */
  readonly assertMayTry: (attempt: Try) => void;
  readonly passed: (attempt: Try) => void;
  /** As `passed`, for a token that was given to somebody there. */
  readonly expect: (tokenHash: string, address: string) => void;
  readonly failed: (attempt: Try) => void;
  /** As `failed`, where only the address counts. */
  readonly failedAt: (address: string) => void;
}

interface GuessGuardOptions {
  readonly clock: Clock;
  readonly audit: Pick<AuditTrail, "note">;
}

export function createGuessGuard({ clock, audit }: GuessGuardOptions): GuessGuard {
  const byAddress = createGuessLockout(clock);
  const byPrefix = createGuessLockout(clock);
  const good = createKnownGood();
  let notes = 0;
  let notesFromMs = clock.monotonicMs();

  function note(action: string, address: string, target: string | null, lockMs: number): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - notesFromMs >= noteWindowMs) {
      notes = 0;
      notesFromMs = nowMs;
    }
    notes += 1;
    if (notes > maxNotesPerMinute) return;
    const details = { seconds: lockMs / 1000 };
    audit.note({ subject: "anonymous", address, action, target, result: "TOO_MANY_TRIES", details });
  }

  function failedAt(address: string): void {
    const lockMs = byAddress.fail(toClientKey(address));
    if (lockMs > 0) note("lockout.address", address, toClientKey(address), lockMs);
  }

  return {
    assertMayTry: ({ token, tokenHash, address }) => {
      const client = toClientKey(address);
      const addressMs = byAddress.lockedForMs(client);
      if (addressMs > 0 && !good.hasFrom(tokenHash, client)) throw lockedOut(addressMs);
      const prefixMs = byPrefix.lockedForMs(prefixOf(token));
      if (prefixMs > 0 && !good.has(tokenHash)) throw lockedOut(prefixMs);
    },
    passed: ({ tokenHash, address }) => good.add(tokenHash, toClientKey(address)),
    expect: (tokenHash, address) => good.add(tokenHash, toClientKey(address)),
    failed: ({ token, address }) => {
      failedAt(address);
      const prefix = prefixOf(token);
      const lockMs = byPrefix.fail(prefix);
      // The beginning of any other token is a part of its secret.
      const shown = prefix.startsWith(apiTokenPrefix) ? prefix : null;
      if (lockMs > 0) note("lockout.prefix", address, shown, lockMs);
    },
    failedAt,
  };
}

/** This machine counts as one client, too: whoever guesses may sit behind a proxy on it. */
function toClientKey(address: string): string {
  return clientKey(address) ?? "this machine";
}

function prefixOf(token: string): string {
  return token.slice(0, shownTokenLength);
}

function lockedOut(lockMs: number): MeshError {
  const seconds = Math.ceil(lockMs / 1000);
  return new MeshError("TOO_MANY_TRIES", `Too many wrong tokens; tries are taken again in ${seconds} s.`, {
    details: { retry_after_s: seconds },
  });
}
