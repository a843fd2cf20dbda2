import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { TokenScope } from "../../../protocol/access.ts";
import { TokenId } from "../../../protocol/ids.ts";
import { type FormerText, maxFormerTexts, type TokenRecord, type TokenStore } from "../../tokens.ts";
import { foldName } from "../fold-name.ts";
import { booleanColumn, jsonColumn, parseRow, toBooleanColumn, toJsonColumn } from "../row.ts";

const TokenRow = z.object({
  id: TokenId,
  name: z.string(),
  token_hash: z.string(),
  shown: z.string(),
  scopes: jsonColumn(z.array(TokenScope)),
  groups: jsonColumn(z.array(z.string())).nullable(),
  rate_per_minute: z.number().nullable(),
  is_untrusted: booleanColumn,
  created_at_ms: z.number(),
  created_by: z.string(),
  rotated_at_ms: z.number().nullable(),
  expires_at_ms: z.number().nullable(),
  last_used_at_ms: z.number().nullable(),
  last_used_from: z.string().nullable(),
  revoked_at_ms: z.number().nullable(),
});

const FormerRow = z.object({ token_hash: z.string(), rotated_at_ms: z.number() });

export interface TokenStatements {
  /** @returns false, and saves nothing, when another token that is not revoked has the name */
  readonly save: (token: TokenRecord) => boolean;
  /** As `save`. */
  readonly rotate: (token: TokenRecord, formerHash: string) => boolean;
  readonly formerTexts: () => readonly FormerText[];
  readonly saveUses: (uses: Parameters<TokenStore["saveUses"]>[0]) => void;
  readonly list: () => readonly TokenRecord[];
  readonly deleteEnded: (beforeMs: number) => void;
}

export function prepareTokens(database: Database): TokenStatements {
  const namesake = database.prepare<{ id: string }, [string, string]>(
    "select id from tokens where name_key = ? and revoked_at_ms is null and id <> ?",
  );
  const upsert = database.prepare(`
    insert into tokens (
      id, name, name_key, token_hash, shown, scopes, groups, rate_per_minute, is_untrusted, created_at_ms, created_by,
      rotated_at_ms, expires_at_ms, last_used_at_ms, last_used_from, revoked_at_ms
    ) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update set
      name = excluded.name,
      name_key = excluded.name_key,
      token_hash = excluded.token_hash,
      shown = excluded.shown,
      scopes = excluded.scopes,
      groups = excluded.groups,
      rate_per_minute = excluded.rate_per_minute,
      is_untrusted = excluded.is_untrusted,
      created_at_ms = excluded.created_at_ms,
      created_by = excluded.created_by,
      rotated_at_ms = excluded.rotated_at_ms,
      expires_at_ms = excluded.expires_at_ms,
      last_used_at_ms = excluded.last_used_at_ms,
      last_used_from = excluded.last_used_from,
      revoked_at_ms = excluded.revoked_at_ms`);
  const updateUse = database.prepare(
    "update tokens set last_used_at_ms = ?, last_used_from = ? where id = ?",
  );
  const select = database.prepare<unknown, []>("select * from tokens order by created_at_ms, id");
  const deleteEnded = database.prepare("delete from tokens where revoked_at_ms < ?1 or expires_at_ms < ?1");
  const insertFormer = database.prepare(
    "insert into former_tokens (token_hash, rotated_at_ms) values (?, ?) on conflict (token_hash) do nothing",
  );
  const deleteOldestFormer = database.prepare(`
    delete from former_tokens where token_hash in (
      select token_hash from former_tokens order by rotated_at_ms desc, token_hash limit -1 offset ?
    )`);
  const selectFormer = database.prepare<unknown, []>(
    "select * from former_tokens order by rotated_at_ms, token_hash",
  );
  const deleteFormer = database.prepare("delete from former_tokens where rotated_at_ms < ?");

  function save(token: TokenRecord): boolean {
    const nameKey = foldName(token.name);
    if (token.revokedAtMs === null && namesake.get(nameKey, token.id) !== null) return false;
    upsert.run(...toColumns(token, nameKey));
    return true;
  }

  return {
    save,
    rotate: (token, formerHash) => {
      if (!save(token)) return false;
      insertFormer.run(formerHash, token.rotatedAtMs ?? token.createdAtMs);
      deleteOldestFormer.run(maxFormerTexts);
      return true;
    },
    formerTexts: () =>
      selectFormer.all().map((formerRow) => {
        const { token_hash, rotated_at_ms } = parseRow(FormerRow, "former_tokens", formerRow);
        return { tokenHash: token_hash, rotatedAtMs: rotated_at_ms };
      }),
    saveUses: (uses) => {
      for (const { id, atMs, from } of uses) updateUse.run(atMs, from, id);
    },
    list: () => select.all().map(fromTokenRow),
    deleteEnded: (beforeMs) => {
      deleteEnded.run(beforeMs);
      deleteFormer.run(beforeMs);
    },
  };
}

function toColumns(token: TokenRecord, nameKey: string) {
  return [
    token.id,
    token.name,
    nameKey,
    token.tokenHash,
    token.shown,
    JSON.stringify(token.scopes),
    toJsonColumn(token.groups),
    token.ratePerMinute,
    toBooleanColumn(token.isUntrusted),
    token.createdAtMs,
    token.createdBy,
    token.rotatedAtMs,
    token.expiresAtMs,
    token.lastUsedAtMs,
    token.lastUsedFrom,
    token.revokedAtMs,
  ] as const;
}

function fromTokenRow(tokenRow: unknown): TokenRecord {
  const row = parseRow(TokenRow, "tokens", tokenRow);
  return {
    id: row.id,
    name: row.name,
    tokenHash: row.token_hash,
    shown: row.shown,
    scopes: row.scopes,
    groups: row.groups,
    ratePerMinute: row.rate_per_minute,
    isUntrusted: row.is_untrusted,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    rotatedAtMs: row.rotated_at_ms,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    lastUsedFrom: row.last_used_from,
    revokedAtMs: row.revoked_at_ms,
  };
}
