import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { type Instance, InviteId } from "../../../protocol/ids.ts";
import { type InviteRecord, keepExpiredMs, type OpenInvite } from "../../invites.ts";
import { jsonColumn, parseRow } from "../row.ts";

const InviteRow = z.object({
  id: InviteId,
  code_hash: z.string(),
  created_at_ms: z.number(),
  created_by: z.string(),
  expires_at_ms: z.number(),
  uses: z.number(),
  name: z.string().nullable(),
  tags: jsonColumn(z.array(z.string())),
  groups: jsonColumn(z.array(z.string())),
  used: z.number(),
});

const CodeRow = InviteRow.pick({ code_hash: true });

/** What came of redeeming: the invite, and whether this took a use of it. */
export interface Redemption {
  readonly invite: InviteRecord;
  readonly isNewUse: boolean;
}

export interface InviteStatements {
  readonly add: (invite: InviteRecord) => void;
  readonly find: (codeHash: string, nowMs: number, instance: Instance | null) => OpenInvite | null;
  readonly redeem: (codeHash: string, instance: Instance, nowMs: number) => Redemption | null;
  readonly giveBack: (id: InviteId, instance: Instance) => void;
  readonly list: (nowMs: number) => readonly OpenInvite[];
  readonly isKnown: (codeHash: string) => boolean;
  readonly remove: (id: InviteId) => string | null;
}

const selectInvites = `
  select invites.*, (select count(*) from invite_uses where invite_id = invites.id) as used from invites`;

export function prepareInvites(database: Database): InviteStatements {
  // Invites last hours; those that expired long ago go when a new one is made, so the table stays small without more ado.
  const deleteExpiredUses = database.prepare(
    "delete from invite_uses where invite_id in (select id from invites where expires_at_ms <= ?)",
  );
  const deleteExpired = database.prepare("delete from invites where expires_at_ms <= ?");
  const insert = database.prepare(`
    insert into invites (id, code_hash, created_at_ms, created_by, expires_at_ms, uses, name, tags, groups)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const select = database.prepare<unknown, [string, number]>(
    `${selectInvites} where code_hash = ? and expires_at_ms > ?`,
  );
  const selectAll = database.prepare<unknown, [number]>(
    `${selectInvites} where expires_at_ms > ? order by created_at_ms desc, id desc`,
  );
  const selectUse = database.prepare<unknown, [string, string]>(
    "select 1 from invite_uses where invite_id = ? and instance = ?",
  );
  const insertUse = database.prepare(
    "insert into invite_uses (invite_id, instance, used_at_ms) values (?, ?, ?)",
  );
  const deleteUse = database.prepare("delete from invite_uses where invite_id = ? and instance = ?");
  const deleteUses = database.prepare("delete from invite_uses where invite_id = ?");
  const selectCode = database.prepare<unknown, [string]>("select 1 from invites where code_hash = ?");
  const deleteInvite = database.prepare<unknown, [string]>(
    "delete from invites where id = ? returning code_hash",
  );

  function findGood(codeHash: string, nowMs: number): OpenInvite | null {
    const inviteRow = select.get(codeHash, nowMs);
    return inviteRow === null ? null : fromInviteRow(inviteRow);
  }
  const hasUsed = (id: InviteId, instance: Instance) => selectUse.get(id, instance) !== null;

  return {
    add: (invite) => {
      deleteExpiredUses.run(invite.createdAtMs - keepExpiredMs);
      deleteExpired.run(invite.createdAtMs - keepExpiredMs);
      insert.run(
        invite.id,
        invite.codeHash,
        invite.createdAtMs,
        invite.createdBy,
        invite.expiresAtMs,
        invite.uses,
        invite.name,
        JSON.stringify(invite.tags),
        JSON.stringify(invite.groups),
      );
    },
    find: (codeHash, nowMs, instance) => {
      const invite = findGood(codeHash, nowMs);
      if (invite === null || invite.usesLeft > 0) return invite;
      return instance !== null && hasUsed(invite.id, instance) ? invite : null;
    },
    redeem: (codeHash, instance, nowMs) => {
      const open = findGood(codeHash, nowMs);
      if (open === null) return null;
      const { usesLeft, ...invite } = open;
      if (hasUsed(invite.id, instance)) return { invite, isNewUse: false };
      if (usesLeft === 0) return null;
      insertUse.run(invite.id, instance, nowMs);
      return { invite, isNewUse: true };
    },
    giveBack: (id, instance) => {
      deleteUse.run(id, instance);
    },
    list: (nowMs) =>
      selectAll
        .all(nowMs)
        .map(fromInviteRow)
        .filter((invite) => invite.usesLeft > 0),
    isKnown: (codeHash) => selectCode.get(codeHash) !== null,
    remove: (id) => {
      deleteUses.run(id);
      const deletedRow = deleteInvite.get(id);
      return deletedRow === null ? null : parseRow(CodeRow, "invites", deletedRow).code_hash;
    },
  };
}

function fromInviteRow(inviteRow: unknown): OpenInvite {
  const row = parseRow(InviteRow, "invites", inviteRow);
  return {
    id: row.id,
    codeHash: row.code_hash,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    expiresAtMs: row.expires_at_ms,
    uses: row.uses,
    name: row.name,
    tags: row.tags,
    groups: row.groups,
    usesLeft: Math.max(0, row.uses - row.used),
  };
}
