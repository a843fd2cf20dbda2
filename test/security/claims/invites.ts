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
