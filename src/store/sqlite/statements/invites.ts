import type { Database } from "../../../platform/sqlite.ts";
import type { Instance } from "../../../protocol/ids.ts";
import type { InviteRecord } from "../../invites.ts";

export interface InviteStatements {
  readonly add: (invite: InviteRecord) => void;
  readonly isOpen: (codeHash: string, nowMs: number) => boolean;
  readonly redeem: (codeHash: string, instance: Instance, nowMs: number) => boolean;
}

export function prepareInvites(database: Database): InviteStatements {
  // Invites last hours; the expired ones go when a new one is made, so the table stays small without more ado.
  const deleteExpired = database.prepare("delete from invites where expires_at_ms <= ?");
  const insert = database.prepare(
    "insert into invites (id, code_hash, created_at_ms, expires_at_ms) values (?, ?, ?, ?)",
  );
  const open = database.prepare<unknown, [string, number]>(
    "select id from invites where code_hash = ? and expires_at_ms > ?",
  );
  const redeem = database.prepare(`
    update invites set redeemed_by = ?1
    where code_hash = ?2 and expires_at_ms > ?3 and (redeemed_by is null or redeemed_by = ?1)`);
  return {
    add: (invite) => {
      deleteExpired.run(invite.createdAtMs);
      insert.run(invite.id, invite.codeHash, invite.createdAtMs, invite.expiresAtMs);
    },
    isOpen: (codeHash, nowMs) => open.get(codeHash, nowMs) !== null,
    redeem: (codeHash, instance, nowMs) => redeem.run(instance, codeHash, nowMs).changes > 0,
  };
}
