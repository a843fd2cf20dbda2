import type { CancelTimer, Clock } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { maxTokens, type NewToken, type TokenInfo, type TokenInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { apiTokenPrefix, shownTokenLength } from "../../protocol/token-prefix.ts";
import type { TokenRecord, TokenStore } from "../../store/tokens.ts";
import type { AuditTrail } from "../audit/audit-trail.ts";
import { type CallRate, createCallRate } from "./call-rate.ts";
import { assertNotRevoked, type Principal, tokenPrincipal } from "./principal.ts";
import { toDigest } from "./token-digest.ts";
import { toTokenInfo } from "./token-info.ts";
import { createTokenUses } from "./token-uses.ts";

/** How long a token that was revoked, or has expired, is still listed. */
export const keepEndedMs = 30 * 24 * 3600 * 1000;
const pruneEveryMs = 3600 * 1000;

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

/** The tokens made with `token create`. All are in memory, by the hash of their text; the text itself is nowhere. */
export interface Tokens {
  /** null: there is none, or it is good no more. */
  readonly find: (tokenHash: string) => GoodToken | null;
  readonly findById: (id: string) => GoodToken | null;
  /** Why a token that was good once is so no more; null: it is good, or never was. */
  readonly whyEnded: (tokenHash: string) => MeshError | null;
  /** A call was made with it. */
  readonly noteUse: (id: TokenId, address: string) => void;
  /** Newest first. */
  readonly list: () => readonly TokenInfo[];
  /** Throws NAME_TAKEN, GROUP_NOT_FOUND or BODY_INVALID. */
  readonly create: (input: TokenInput, by: Principal) => Promise<NewToken>;
  /** Makes it void, by id or name; what is open with it ends. Throws TOKEN_NOT_FOUND. */
  readonly revoke: (idOrName: string, by: Principal) => Promise<void>;
  /** A new text for the same token. Throws TOKEN_NOT_FOUND. */
  readonly rotate: (idOrName: string, by: Principal) => Promise<NewToken>;
  readonly start: () => void;
  /** Writes down the last uses. */
  readonly stop: () => Promise<void>;
}

export interface TokensOptions {
  readonly store: TokenStore;
  readonly isGroup: (name: string) => boolean;
  /** Something became void: its principal's signal has been aborted. */
  readonly onEnded: () => void;
  readonly audit: Pick<AuditTrail, "note">;
  readonly clock: Clock;
  readonly ids: Pick<Ids, "token">;
  readonly log: Pick<Log, "warn">;
}

interface Held extends GoodToken {
  readonly end: AbortController;
}

export async function createTokens(options: TokensOptions): Promise<Tokens> {
  const { store, clock, audit, log } = options;
  const records = new Map<TokenId, TokenRecord>();
  const good = new Map<string, Held>();
  const uses = createTokenUses({ store, clock, log });
  let changing: Promise<unknown> = Promise.resolve();
  let cancelExpiry: CancelTimer | null = null;
  let cancelPrune: CancelTimer | null = null;
  let isStarted = false;

  function hold(record: TokenRecord, rate = rateOf(record)): void {
    const end = new AbortController();
    const { id, name, tokenHash, expiresAtMs } = record;
    const principal = tokenPrincipal(record, end.signal);
    const digest = toDigest(tokenHash);
    good.set(tokenHash, { id, name, tokenHash, digest, expiresAtMs, principal, rate, end });
    armExpiry();
  }

  function rateOf({ ratePerMinute }: TokenRecord): CallRate | null {
    return ratePerMinute === null ? null : createCallRate(ratePerMinute, clock);
  }

  function endHeld(tokenHash: string, why: MeshError): Held | null {
    const held = good.get(tokenHash);
    if (held === undefined) return null;
    good.delete(tokenHash);
    held.end.abort(why);
    options.onEnded();
    return held;
  }

  function isExpired({ expiresAtMs }: Pick<TokenRecord, "expiresAtMs">): boolean {
    return expiresAtMs !== null && expiresAtMs <= clock.nowMs();
  }

  function expire(held: Held): void {
    endHeld(held.tokenHash, expired());
    audit.note({
      subject: "coordinator",
      address: null,
      action: "token.expire",
      target: held.id,
      result: "ok",
      details: { name: held.name },
    });
  }

  /** One timer for all: far moments are looked at again and again, so that none is beyond what a timer can take. */
  function armExpiry(): void {
    cancelExpiry?.();
    cancelExpiry = null;
    if (!isStarted) return;
    const moments = [...good.values()].flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
    if (moments.length === 0) return;
    const waitMs = moments.reduce((first, atMs) => Math.min(first, atMs)) - clock.nowMs();
    cancelExpiry = clock.after(
      Math.min(Math.max(0, waitMs), expiryLookMs),
      () => {
        for (const held of [...good.values()]) if (isExpired(held)) expire(held);
        armExpiry();
      },
      { unref: true },
    );
  }

  function isEnded(record: TokenRecord): boolean {
    return record.revokedAtMs !== null || isExpired(record);
  }

  /** As {@link inTurn}; whoever has become void while he waited for his turn changes nothing any more. */
  function inTurnOf<Result>(by: Principal, change: () => Promise<Result>): Promise<Result> {
    return inTurn(() => {
      assertNotRevoked(by);
      return change();
    });
  }

  /** Changes follow one another: two of the same token would undo each other, two new ones could share a name. */
  function inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const done = changing.then(change);
    changing = done.catch(() => undefined);
    return done;
  }

  async function keep(record: TokenRecord): Promise<void> {
    await store.save(record);
    records.set(record.id, record);
  }

  /** One that is not revoked, by id, else by name. */
  function present(idOrName: string): TokenRecord {
    const key = idOrName.toLowerCase();
    const standing = [...records.values()].filter(({ revokedAtMs }) => revokedAtMs === null);
    const record =
      standing.find(({ id }) => id === idOrName) ?? standing.find(({ name }) => name.toLowerCase() === key);
    if (record === undefined) throw new MeshError("TOKEN_NOT_FOUND", `There is no token "${idOrName}".`);
    return { ...record, ...uses.lastOf(record) };
  }

  function assertCreatable(input: TokenInput): void {
    const key = input.name.toLowerCase();
    for (const { name, revokedAtMs } of records.values()) {
      if (revokedAtMs !== null || name.toLowerCase() !== key) continue;
      throw new MeshError("NAME_TAKEN", `Another token is called "${name}" already.`, {
        hint: `Choose another name, or revoke that one first: claw-mesh token revoke ${name}`,
      });
    }
    const missing = input.groups?.find((name) => !options.isGroup(name));
    if (missing !== undefined) throw new MeshError("GROUP_NOT_FOUND", `There is no group "${missing}".`);
    if (good.size >= maxTokens) {
      throw new MeshError("BODY_INVALID", `There are ${maxTokens} tokens already.`, {
        hint: "Revoke some that are not used any more: claw-mesh token list",
      });
    }
  }

  async function prune(): Promise<void> {
    const beforeMs = clock.nowMs() - keepEndedMs;
    try {
      await store.deleteEnded(beforeMs);
    } catch (error) {
      log.warn("old tokens were not deleted", { error: String(error) });
      return;
    }
    for (const { id, revokedAtMs, expiresAtMs } of [...records.values()]) {
      const endedAtMs = Math.min(
        revokedAtMs ?? Number.POSITIVE_INFINITY,
        expiresAtMs ?? Number.POSITIVE_INFINITY,
      );
      if (endedAtMs < beforeMs) records.delete(id);
    }
  }

  function schedulePrune(): void {
    cancelPrune = clock.after(
      pruneEveryMs,
      () => {
        void inTurn(prune);
        schedulePrune();
      },
      { unref: true },
    );
  }

  for (const record of await store.list()) {
    records.set(record.id, record);
    if (!isEnded(record)) hold(record);
  }

  return {
    find: (tokenHash) => {
      const held = good.get(tokenHash);
      if (held === undefined) return null;
      if (!isExpired(held)) return held;
      expire(held);
      return null;
    },
    findById: (id) => [...good.values()].find((held) => held.id === id) ?? null,
    whyEnded: (tokenHash) => {
      const record = [...records.values()].find((other) => other.tokenHash === tokenHash);
      if (record === undefined || !isEnded(record)) return null;
      return record.revokedAtMs === null ? expired() : revoked();
    },
    noteUse: uses.note,
    list: () =>
      [...records.values()]
        .map((record) => ({ ...record, ...uses.lastOf(record) }))
        .toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1))
        .map(toTokenInfo),
    create: (input, by) =>
      inTurnOf(by, async () => {
        assertCreatable(input);
        const token = newToken();
        const nowMs = clock.nowMs();
        const record: TokenRecord = {
          id: options.ids.token(),
          name: input.name,
          ...partsOf(token),
          scopes: [...new Set(input.scopes)],
          groups: input.groups ?? null,
          ratePerMinute: input.rate_per_minute ?? null,
          isUntrusted: input.untrusted === true,
          createdAtMs: nowMs,
          createdBy: by.subject,
          rotatedAtMs: null,
          expiresAtMs: input.ttl_s === undefined ? null : nowMs + input.ttl_s * 1000,
          lastUsedAtMs: null,
          lastUsedFrom: null,
          revokedAtMs: null,
        };
        await keep(record);
        hold(record);
        return { ...toTokenInfo(record), token };
      }),
    revoke: (idOrName, by) =>
      inTurnOf(by, async () => {
        const record = present(idOrName);
        await keep({ ...record, revokedAtMs: clock.nowMs() });
        endHeld(record.tokenHash, revoked());
      }),
    rotate: (idOrName, by) =>
      inTurnOf(by, async () => {
        const before = present(idOrName);
        if (isExpired(before)) {
          throw new MeshError("TOKEN_NOT_FOUND", `Token ${before.name} has expired.`, {
            hint: "Make a new one with: claw-mesh token create",
          });
        }
        const token = newToken();
        const record = { ...before, ...partsOf(token), rotatedAtMs: clock.nowMs() };
        await keep(record);
        const ended = endHeld(before.tokenHash, rotated());
        hold(record, ended?.rate ?? rateOf(record));
        return { ...toTokenInfo(record), token };
      }),
    start: () => {
      isStarted = true;
      armExpiry();
      void inTurn(prune);
      schedulePrune();
    },
    stop: async () => {
      isStarted = false;
      cancelExpiry?.();
      cancelPrune?.();
      await changing;
      await uses.flush();
    },
  };
}

function newToken(): string {
  return apiTokenPrefix + createSecret().slice(0, shownTokenLength - apiTokenPrefix.length) + createSecret();
}

function partsOf(token: string): Pick<TokenRecord, "tokenHash" | "shown"> {
  return { tokenHash: sha256Hex(token), shown: token.slice(0, shownTokenLength) };
}

function revoked(): MeshError {
  return new MeshError("TOKEN_INVALID", "This token was revoked.");
}

function rotated(): MeshError {
  return new MeshError("TOKEN_INVALID", "This token was given a new text.");
}

function expired(): MeshError {
  return new MeshError("TOKEN_INVALID", "This token has expired.");
}
