import type { Claim } from "../claim.ts";

const file = "test/security/invites/invites.test.ts";
const called = "test/security/invites/called-nodes.test.ts";

export const invitesClaims: readonly Claim[] = [
  {
    id: "invites.grants",
    claim:
      "An invite lets in as many machines as it says, under the name it says, with what it grants and no more.",
    shownBy: [
      { file, tests: "an invite, over the link" },
      { file, tests: "an invite, over the direct" },
      { file: called, tests: "an invite of one use" },
      { file: "src/coordinator/direct/invite-repeats.test.ts" },
    ],
  },
  {
    id: "invites.used",
    claim:
      "Each use of an invite makes one node: whoever has made it may come again for that node alone, for a minute at most, not after its token was shown, nor after its removal; and no invite takes a node's place that it has not made, whatever instance is claimed.",
    shownBy: [
      { file: "test/security/invites/used-invites.test.ts" },
      { file: "test/security/invites/called-nodes.test.ts", tests: "an invite of one use" },
    ],
  },
  {
    id: "invites.codes",
    claim: "The code of an invite is stored as a hash, shown once, and void when revoked.",
    shownBy: [{ file, tests: "an invite >" }],
  },
  {
    id: "invites.others",
    claim: "Nothing but an invite, the admin token or an admin's token lets a machine join.",
    shownBy: [
      { file, tests: "a token with the scope" },
      { file, tests: "a made-up invite" },
    ],
  },
];
