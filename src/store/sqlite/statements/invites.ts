import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { type Instance, InviteId, NodeId } from "../../../protocol/ids.ts";
import {
  type FoundInvite,
  type InviteRecord,
  type InviteStore,
  keepExpiredMs,
  type OpenInvite,
  type Redemption,
  repeatLimitMs,
} from "../../invites.ts";
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

const UseRow = z.object({ node_id: NodeId.nullable(), used_at_ms: z.number() });

type Use = Parameters<InviteStore["redeem"]>[1];

export interface InviteStatements {
  readonly add: (invite: InviteRecord) => void;
  readonly find: (codeHash: string, nowMs: number, instance: Instance | null) => FoundInvite | null;
  readonly redeem: (codeHash: string, use: Use, nowMs: number) => Redemption | null;
  readonly endUse: (nodeId: NodeId) => void;
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
    "select node_id, used_at_ms from invite_uses where invite_id = ? and instance = ?",
  );
  const insertUse = database.prepare(
    "insert into invite_uses (invite_id, instance, node_id, used_at_ms) values (?, ?, ?, ?)",
  );
  const updateUse = database.prepare("update invite_uses set node_id = null where node_id = ?");
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

  /** The node that this instance may come back to; `over`: it has used the invite, and may not again; null: it has not. */
  function usedFor(id: InviteId, instance: Instance, nowMs: number): NodeId | "over" | null {
    const useRow = selectUse.get(id, instance);
    if (useRow === null) return null;
    const { node_id, used_at_ms } = parseRow(UseRow, "invite_uses", useRow);
    // Also of a clock that was set back nothing is known.
    return node_id !== null && Math.abs(nowMs - used_at_ms) < repeatLimitMs ? node_id : "over";
  }

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
      if (invite === null) return null;
      const used = instance === null ? null : usedFor(invite.id, instance, nowMs);
      if (used === "over" || (used === null && invite.usesLeft === 0)) return null;
      return { ...invite, nodeId: used };
    },
    redeem: (codeHash, { instance, nodeId }, nowMs) => {
      const open = findGood(codeHash, nowMs);
      if (open === null) return null;
      const { usesLeft, ...invite } = open;
      const used = usedFor(invite.id, instance, nowMs);
      if (used === "over" || (used === null && usesLeft === 0)) return null;
      if (used !== null) return { invite, nodeId: used, isNewUse: false };
      insertUse.run(invite.id, instance, nodeId, nowMs);
      return { invite, nodeId, isNewUse: true };
    },
    endUse: (nodeId) => {
      updateUse.run(nodeId);
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
