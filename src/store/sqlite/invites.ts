import type { Database } from "../../platform/sqlite.ts";
import type { InviteStore } from "../invites.ts";
import type { Committer } from "./committer.ts";
import { prepareInvites } from "./statements/invites.ts";

export function createInviteStore(database: Database, committer: Committer): InviteStore {
  const invites = prepareInvites(database);
  return {
    add: (invite) => committer.write("full", () => invites.add(invite)),
    isOpen: (codeHash, nowMs) => committer.read(() => invites.isOpen(codeHash, nowMs)),
    redeem: (codeHash, instance, nowMs) =>
      committer.write("full", () => invites.redeem(codeHash, instance, nowMs)),
  };
}
