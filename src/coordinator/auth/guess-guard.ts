import type { Clock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import { apiTokenPrefix, shownTokenLength } from "../../protocol/token-prefix.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import { clientKey } from "../http/client-key.ts";
import { createGuessLockout } from "./guess-lockout.ts";
import { createNoteLimit } from "./note-limit.ts";

/** Beginnings of locks that the audit is told of in a minute; the rest happens unsaid. */
export const maxNotesPerMinute = 30;

/** What was shown, and from where. */
export interface Try {
  /** As it was sent. */
  readonly token: string;
  /** Asked only when it is needed. */
  readonly address: () => string;
  /**
   * Called by a name that is not the coordinator's own. A page that a stranger's name has led here makes its reader's browser
   * guess: that must not lock the reader's own commands, which call by an own name. default: no
   */
  readonly isByOtherName?: (() => boolean) | undefined;
}

/** Who calls, as locks tell callers apart. */
export interface Caller {
  readonly address: string;
  /** As {@link Try.isByOtherName}. */
  readonly isByOtherName: boolean;
}

/**
 * Keeps those out who guess: by their address, and by the beginning of what they guess. What nobody can guess is let
 * in without asking here: a lock that others have earned at the same address must not keep it out.
 */
export interface GuessGuard {
  /**
   * For what is unknown, cannot be known yet, or is the one right text that a person may have chosen: whoever guesses learns
   * nothing while he is locked. Throws TOO_MANY_TRIES while its address or its beginning is.
   */
  readonly assertMayTry: (attempt: Try) => void;
  readonly failed: (attempt: Try) => void;
  /** As `failed`, where only who calls counts. */
  readonly failedFrom: (caller: Caller) => void;
}

interface GuessGuardOptions {
  readonly clock: Clock;
  readonly audit: Pick<AuditTrail, "note">;
}

export function createGuessGuard({ clock, audit }: GuessGuardOptions): GuessGuard {
  const byAddress = createGuessLockout(clock);
  const byPrefix = createGuessLockout(clock);
  const mayNote = createNoteLimit(maxNotesPerMinute, clock);

  function note(action: string, address: string, target: string | null, lockMs: number): void {
    if (!mayNote()) return;
    const details = { seconds: lockMs / 1000 };
    audit.note({ subject: "anonymous", address, action, target, result: "TOO_MANY_TRIES", details });
  }

  function fail(address: string, client: string): void {
    const lockMs = byAddress.fail(client);
    if (lockMs > 0) note("lockout.address", address, toClientKey(address), lockMs);
  }

  function assertMayTry(attempt: Try): void {
    if (byAddress.isQuiet() && byPrefix.isQuiet()) return;
    const addressMs = byAddress.lockedForMs(clientOf(attempt));
    if (addressMs > 0) throw lockedOut(addressMs);
    const prefixMs = byPrefix.lockedForMs(prefixOf(attempt.token));
    if (prefixMs > 0) throw lockedOut(prefixMs);
  }

  return {
    assertMayTry,
    failed: (attempt) => {
      const from = attempt.address();
      fail(from, clientOf(attempt));
      const prefix = prefixOf(attempt.token);
      const lockMs = byPrefix.fail(prefix);
      // The beginning of any other token is a part of its secret.
      const shown = prefix.startsWith(apiTokenPrefix) ? prefix : null;
      if (lockMs > 0) note("lockout.prefix", from, shown, lockMs);
    },
    failedFrom: ({ address, isByOtherName }) =>
      fail(address, clientOf({ address: () => address, isByOtherName: () => isByOtherName })),
  };
}

/** What shares a lock. */
function clientOf({ address, isByOtherName }: Omit<Try, "token">): string {
  const client = toClientKey(address());
  return isByOtherName?.() === true ? `${client}, by another name` : client;
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
