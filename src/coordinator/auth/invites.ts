import { type Clock, toIsoTime } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Invite } from "../../protocol/http/contract.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import type { InviteStore } from "../../store/invites.ts";

/** Lifetime of an invite when none is asked for. */
export const defaultInviteTtlS = 3600;

interface InviteOptions {
  readonly store: InviteStore;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Addresses of this coordinator that another machine may be able to reach. */
  readonly urls: () => readonly string[];
}

/** Makes a one-use, expiring right to join. The code is shown once; only its hash is stored. */
export async function createInvite(
  options: InviteOptions,
  ttlS: number = defaultInviteTtlS,
): Promise<Invite> {
  const code = invitePrefix + createSecret();
  const nowMs = options.clock.nowMs();
  const expiresAtMs = nowMs + ttlS * 1000;
  const id = options.ids.invite();
  await options.store.add({ id, codeHash: sha256Hex(code), createdAtMs: nowMs, expiresAtMs });
  return { id, code, expires_at: toIsoTime(expiresAtMs), urls: [...options.urls()] };
}
