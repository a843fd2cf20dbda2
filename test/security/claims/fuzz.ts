import type { Claim } from "../claim.ts";

const file = "test/security/fuzz/fuzz.test.ts";

export const fuzzClaims: readonly Claim[] = [
  {
    id: "fuzz.http",
    claim:
      "No body, path or query that any route may be sent makes the coordinator fault or keeps it from answering in time.",
    shownBy: [{ file, tests: "http > " }],
  },
  {
    id: "fuzz.http-raw",
    claim:
      "No bytes on a connection, headers, cookies and queries among them, make the coordinator fault or keep it from the next request.",
    shownBy: [{ file, tests: "http-raw > " }],
  },
  {
    id: "fuzz.frames",
    claim: "Whatever a message on a link holds, it is read the same way twice or refused with a reason.",
    shownBy: [{ file, tests: "frames > " }],
  },
  {
    id: "fuzz.link-coordinator",
    claim: "No frames of a node make the coordinator fault or keep another node from its work.",
    shownBy: [{ file, tests: "link-coordinator > " }],
  },
  {
    id: "fuzz.link-node",
    claim: "No frames of a coordinator make a node agent fault or keep it from linking again.",
    shownBy: [{ file, tests: "link-node > " }],
  },
  {
    id: "fuzz.direct",
    claim: "No message or header of the direct transport makes a node fault.",
    shownBy: [{ file, tests: "direct > " }],
  },
  {
    id: "fuzz.config",
    claim: "Every configuration file is loaded or refused as CONFIG_INVALID, within seconds.",
    shownBy: [{ file, tests: "config > " }],
  },
  {
    id: "fuzz.rules",
    claim:
      "Every rule or requirement expression is read, printed and read alike, or refused in words, in linear time.",
    shownBy: [{ file, tests: "rules > " }],
  },
  {
    id: "fuzz.cli",
    claim:
      "Every command line, environment and answer of a coordinator ends with an exit code of the table and no stack trace.",
    shownBy: [{ file, tests: "cli > " }],
  },
];
