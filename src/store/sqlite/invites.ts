import type { Database } from "../../platform/sqlite.ts";
import type { InviteStore } from "../invites.ts";
import type { Committer } from "./committer.ts";
import { prepareInvites } from "./statements/invites.ts";

export function createInviteStore(database: Database, committer: Committer): InviteStore {
  const invites = prepareInvites(database);
  return {
    add: (invite) => committer.write("full", () => invites.add(invite)),
    find: (codeHash, nowMs, instance) => committer.read(() => invites.find(codeHash, nowMs, instance)),
    redeem: (codeHash, use, nowMs) =>
      committer.write(
        "full",
        () => invites.redeem(codeHash, use, nowMs),
        (taken) => {
          if (taken?.isNewUse === true) invites.giveBack(taken.invite.id, use.instance);
        },
      ),
    endUse: (nodeId) => committer.write("full", () => invites.endUse(nodeId)),
    list: (nowMs) => committer.read(() => invites.list(nowMs)),
    isKnown: (codeHash) => committer.read(() => invites.isKnown(codeHash)),
    remove: (id) => committer.write("full", () => invites.remove(id)),
  };
}
