import type { Claim } from "../claim.ts";

const access = "test/security/access";
const auth = "src/coordinator/auth";

export const accessClaims: readonly Claim[] = [
  {
    id: "access.routes",
    claim: "Every route opens to the scopes that it is meant for, and to nobody else.",
    shownBy: [{ file: `${access}/every-route.test.ts` }],
  },
  {
    id: "access.own-tasks",
    claim: "A token that may only send sees, follows and changes its own messages only.",
    shownBy: [{ file: `${access}/own-tasks.test.ts` }],
  },
  {
    id: "access.revocation",
    claim: "Revoking or rotating a token ends its streams, waits, links and logins within 5 s.",
    shownBy: [
      { file: `${access}/revocation.test.ts` },
      { file: `${auth}/principal.test.ts` },
      { file: "test/integration/coordinator/void-caller.test.ts" },
    ],
  },
  {
    id: "access.tokens",
    claim: "Tokens are shown once, stored as hashes, and end when they should.",
    shownBy: [
      { file: `${access}/tokens.test.ts`, tests: "a token >" },
      { file: `${auth}/authenticator.test.ts`, tests: "a token" },
      { file: `${auth}/authenticator.test.ts`, tests: "the last use" },
      { file: `${auth}/authenticator.test.ts`, tests: "the header" },
      { file: `${auth}/authenticator.test.ts`, tests: "a header of another scheme" },
    ],
  },
  {
    id: "access.rate",
    claim: "A token calls no more often than it may.",
    shownBy: [
      { file: `${auth}/call-rate.test.ts` },
      { file: `${access}/tokens.test.ts`, tests: "a token > that calls too often" },
      { file: `${auth}/authenticator.test.ts`, tests: "a login > uses up the calls" },
    ],
  },
  {
    id: "access.groups",
    claim:
      "A token that is limited to groups operates no other nodes and tasks, and makes no node a member of other groups.",
    shownBy: [
      { file: `${access}/tokens.test.ts`, tests: "a token that operates" },
      {
        file: "src/coordinator/tasks/task-access.test.ts",
        tests: "who operates only the nodes of some groups",
      },
    ],
  },
  {
    id: "access.shares",
    claim:
      "One token takes no more of the queue than it leaves, half of the streams at most, and no time that a message needs by reading lists.",
    shownBy: [
      {
        file: "src/coordinator/tasks/waiting-allowance.test.ts",
        tests: "the messages that wait > of one token",
      },
      { file: "test/integration/coordinator/waiting-shares.test.ts" },
      { file: "src/coordinator/http/event-stream.test.ts", tests: "streams of one token" },
      { file: "src/coordinator/tasks/task-pages.test.ts", tests: "pages of tasks" },
    ],
  },
  {
    id: "access.guessing",
    claim:
      "Whoever guesses tokens is locked out, for longer and longer, and learns nothing meanwhile: also not at the address of the owner.",
    shownBy: [
      { file: `${auth}/guess-lockout.test.ts` },
      { file: `${auth}/guessing.test.ts`, tests: "guessing" },
      { file: `${access}/tokens.test.ts`, tests: "guessing" },
    ],
  },
  {
    id: "access.locked-in",
    claim:
      "Who guesses keeps no token out that was drawn at random, and who has one that was good once is not taken for him.",
    shownBy: [
      { file: `${auth}/admin-token.test.ts` },
      { file: `${auth}/guessing.test.ts`, tests: "what others do" },
      { file: `${access}/tokens.test.ts`, tests: "what others do" },
      { file: "test/security/invites/invites.test.ts", tests: "an invite that was good once" },
    ],
  },
  {
    id: "access.bound-logins",
    claim:
      "The cookie of a login at the page opens nothing for another service on the same machine, which is sent it too.",
    shownBy: [
      { file: `${auth}/authenticator.test.ts`, tests: "a login that was bound to its page" },
      { file: "test/security/http/browsers.test.ts", tests: "a login that was bound to its page" },
    ],
  },
  {
    id: "access.logins",
    claim:
      "The cookie of a login is out of reach of scripts and other sites, and never opens more than its token, nor a link.",
    shownBy: [
      { file: `${auth}/session-cookie.test.ts` },
      { file: `${access}/login-over-tls.test.ts` },
      { file: `${access}/revocation.test.ts`, tests: "the cookie of a login" },
      { file: `${auth}/authenticator.test.ts`, tests: "a login" },
      { file: `${access}/tokens.test.ts`, tests: "a login" },
    ],
  },
];
