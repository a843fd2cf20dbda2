import { toIsoTime } from "../../platform/clock.ts";
import type { TokenInfo } from "../../protocol/access.ts";
import type { TokenRecord } from "../../store/tokens.ts";

/** A token as lists show it. */
export function toTokenInfo(record: TokenRecord): TokenInfo {
  return {
    id: record.id,
    name: record.name as TokenInfo["name"],
    shown: record.shown,
    scopes: [...record.scopes],
    groups: record.groups === null ? null : [...record.groups],
    rate_per_minute: record.ratePerMinute,
    untrusted: record.isUntrusted,
    created_at: toIsoTime(record.createdAtMs),
    created_by: record.createdBy,
    rotated_at: toTime(record.rotatedAtMs),
    expires_at: toTime(record.expiresAtMs),
    last_used_at: toTime(record.lastUsedAtMs),
    last_used_from: record.lastUsedFrom,
    revoked_at: toTime(record.revokedAtMs),
  };
}

function toTime(atMs: number | null): string | null {
  return atMs === null ? null : toIsoTime(atMs);
}

/** Id of the token of this name, in a list with the newest first: of one that is not revoked, if there is one. */
export function tokenNamed(tokens: readonly TokenInfo[], name: string): string | null {
  const key = name.toLowerCase();
  const named = tokens.filter((token) => token.name.toLowerCase() === key);
  return (named.find(({ revoked_at }) => revoked_at === null) ?? named[0])?.id ?? null;
}
