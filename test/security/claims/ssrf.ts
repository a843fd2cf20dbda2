import type { Claim } from "../claim.ts";

const spellings = "test/security/ssrf/spellings.test.ts";
const redirects = "test/security/ssrf/redirects.test.ts";
const rebinding = "test/security/ssrf/rebinding.test.ts";

/** Addresses from outside: direct endpoints now; callbacks, sync and federation go the same way. */
export const ssrfClaims: readonly Claim[] = [
  {
    id: "ssrf.private",
    claim:
      "No spelling of a private address is called, nor registered as an endpoint, unless coordinator.allow_private says so.",
    shownBy: [
      { file: spellings, tests: "a private address" },
      { file: spellings, tests: "the endpoint of a node that registers" },
      { file: "src/platform/address-class.test.ts" },
    ],
  },
  {
    id: "ssrf.forbidden",
    claim:
      "No spelling of a metadata service, of an unspecified, multicast, broadcast, reserved or documentation address is called, allow_private or not.",
    shownBy: [{ file: spellings, tests: "a forbidden address" }],
  },
  {
    id: "ssrf.urls",
    claim:
      "Nothing but http and https without user and password is called; a name that does not resolve is refused.",
    shownBy: [
      { file: spellings, tests: "an address that is none" },
      { file: spellings, tests: "a name" },
    ],
  },
  {
    id: "ssrf.rebinding",
    claim:
      "A name is resolved once for each request, all of its addresses are judged, and the connection goes to the judged one: a DNS server that answers public first and private afterwards gains nothing.",
    shownBy: [
      { file: rebinding },
      { file: spellings, tests: "a name" },
      { file: "src/platform/safe-fetch.test.ts", tests: "a guarded request > goes to the judged address" },
      {
        file: "src/platform/safe-fetch.test.ts",
        tests: "a guarded request > is refused when one address of many",
      },
    ],
  },
  {
    id: "ssrf.redirects",
    claim:
      "A redirect is an answer and is not followed; where following is asked for, at most three are, each judged like the first address, and another origin gets no credentials.",
    shownBy: [{ file: redirects }],
  },
  {
    id: "ssrf.bounds",
    claim: "A call ends at its time and at its size, is not unpacked, and uses no proxy of the environment.",
    shownBy: [
      { file: "src/platform/safe-fetch.test.ts", tests: "a guarded request" },
      { file: "test/security/ssrf/proxy.test.ts" },
    ],
  },
  {
    id: "ssrf.one-door",
    claim: "No module of the coordinator opens a connection but through the guard.",
    shownBy: [{ file: "test/security/ssrf/one-door.test.ts" }],
  },
];
