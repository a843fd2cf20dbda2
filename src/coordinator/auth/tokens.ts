import type { CancelTimer } from "../../platform/clock.ts";
import { sha256Hex } from "../../platform/hash.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { createTurns } from "../../platform/turns.ts";
import { maxTokens, type NewToken, type TokenInfo, type TokenInput } from "../../protocol/access.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TokenId } from "../../protocol/ids.ts";
import { apiTokenPrefix, shownTokenLength } from "../../protocol/token-prefix.ts";
import { maxFormerTexts, type TokenRecord, type TokenStore } from "../../store/tokens.ts";
import {
  createGoodTokens,
  expired,
  type GoodToken,
  type GoodTokensOptions,
  hasPassed,
} from "./good-tokens.ts";
import { assertNotRevoked, type Principal } from "./principal.ts";
import { toTokenInfo } from "./token-info.ts";
import { createTokenUses } from "./token-uses.ts";

/** How long a token that was revoked, or has expired, is still listed, and a text that was rotated away remembered. */
export const keepEndedMs = 30 * 24 * 3600 * 1000;
const pruneEveryMs = 3600 * 1000;

/** The tokens made with `token create`. All are in memory, by the hash of their text; the text itself is nowhere. */
export interface Tokens {
  /** null: there is none, or it is good no more. */
  readonly find: (tokenHash: string) => GoodToken | null;
  readonly findById: (id: string) => GoodToken | null;
  /** Why a token that was good once is so no more; null: it is good, or never was. */
  readonly whyEnded: (tokenHash: string) => MeshError | null;
  /** A call was made with it. */
  readonly noteUse: (id: TokenId, address: () => string) => void;
  /** Newest first. */
  readonly list: () => readonly TokenInfo[];
  /** Throws NAME_TAKEN, GROUP_NOT_FOUND or BODY_INVALID. */
  readonly create: (input: TokenInput, by: Principal) => Promise<NewToken>;
  /** Makes it void, by id or name; what is open with it ends. Throws TOKEN_NOT_FOUND. @returns which it was */
  readonly revoke: (idOrName: string, by: Principal) => Promise<Pick<TokenRecord, "id" | "name">>;
  /** A new text for the same token. Throws TOKEN_NOT_FOUND. */
  readonly rotate: (idOrName: string, by: Principal) => Promise<NewToken>;
  readonly start: () => void;
  /** Writes down the last uses. */
  readonly stop: () => Promise<void>;
}

export interface TokensOptions extends GoodTokensOptions {
  readonly store: TokenStore;
  readonly isGroup: (name: string) => boolean;
  readonly ids: Pick<Ids, "token">;
  readonly log: Pick<Log, "warn">;
}

export async function createTokens(options: TokensOptions): Promise<Tokens> {
  const { store, clock, log } = options;
  const records = new Map<TokenId, TokenRecord>();
  /** The same, by the hash of their text. */
  const byHash = new Map<string, TokenRecord>();
  /** When each former text was rotated away, by its hash; the newest last. */
  const former = new Map<string, number>();
  const good = createGoodTokens(options);
  const uses = createTokenUses({ store, clock, log });
  /** Two changes of the same token would undo each other, two new ones could share a name. */
  const { inTurn, over } = createTurns();
  let cancelPrune: CancelTimer | null = null;

  function isExpired({ expiresAtMs }: TokenRecord): boolean {
    return hasPassed(expiresAtMs, clock.nowMs());
  }

  function isEnded(record: TokenRecord): boolean {
    return record.revokedAtMs !== null || isExpired(record);
  }

  /** Whoever has become void while he waited for his turn changes nothing any more. */
  function inTurnOf<Result>(by: Principal, change: () => Promise<Result>): Promise<Result> {
    return inTurn(() => {
      assertNotRevoked(by);
      return change();
    });
  }

  function hold(record: TokenRecord): void {
    drop(record.id);
    records.set(record.id, record);
    byHash.set(record.tokenHash, record);
  }

  function drop(id: TokenId): void {
    const record = records.get(id);
    if (record === undefined) return;
    records.delete(id);
    byHash.delete(record.tokenHash);
  }

  function holdFormer(tokenHash: string, rotatedAtMs: number): void {
    former.set(tokenHash, rotatedAtMs);
    const [oldest] = former.keys();
    if (former.size > maxFormerTexts && oldest !== undefined) former.delete(oldest);
  }

  async function keep(record: TokenRecord): Promise<void> {
    await store.save(record);
    hold(record);
  }

  /** A clock that was ahead has ended it, and is right again. */
  function revive(tokenHash: string): GoodToken | null {
    const record = byHash.get(tokenHash);
    if (record === undefined || isEnded(record)) return null;
    good.add(record);
    return good.find(tokenHash);
  }

  /** One that is not revoked, by id, else by name. */
  function present(idOrName: string): TokenRecord {
    const key = idOrName.toLowerCase();
    const standing = [...records.values()].filter(({ revokedAtMs }) => revokedAtMs === null);
    const record =
      standing.find(({ id }) => id === idOrName) ?? standing.find(({ name }) => name.toLowerCase() === key);
    if (record === undefined) {
      const hasEnded = [...records.values()].some(
        ({ id, name }) => id === idOrName || name.toLowerCase() === key,
      );
      throw new MeshError(
        "TOKEN_NOT_FOUND",
        hasEnded ? `Token "${idOrName}" is revoked already.` : `There is no token "${idOrName}".`,
      );
    }
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
    if (good.count() >= maxTokens) {
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
      if (endedAtMs >= beforeMs) continue;
      drop(id);
      uses.forget(id);
    }
    for (const [tokenHash, rotatedAtMs] of [...former]) {
      if (rotatedAtMs < beforeMs) former.delete(tokenHash);
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
    hold(record);
    if (!isEnded(record)) good.add(record);
  }
  for (const { tokenHash, rotatedAtMs } of await store.formerTexts()) holdFormer(tokenHash, rotatedAtMs);

  return {
    find: (tokenHash) => good.find(tokenHash) ?? revive(tokenHash),
    findById: good.findById,
    whyEnded: (tokenHash) => {
      if (former.has(tokenHash)) return rotated();
      const record = byHash.get(tokenHash);
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
        good.add(record);
        return { ...toTokenInfo(record), token };
      }),
    revoke: (idOrName, by) =>
      inTurnOf(by, async () => {
        const record = present(idOrName);
        await keep({ ...record, revokedAtMs: clock.nowMs() });
        good.end(record.tokenHash, revoked());
        return record;
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
        const nowMs = clock.nowMs();
        const record = { ...before, ...partsOf(token), rotatedAtMs: nowMs };
        await store.rotate(record, before.tokenHash);
        hold(record);
        holdFormer(before.tokenHash, nowMs);
        const ended = good.end(before.tokenHash, rotated());
        // A new text is no new minute.
        good.add(record, ended?.rate);
        return { ...toTokenInfo(record), token };
      }),
    start: () => {
      good.start();
      void inTurn(prune);
      schedulePrune();
    },
    stop: async () => {
      good.stop();
      cancelPrune?.();
      await over();
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
