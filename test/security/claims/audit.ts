import type { Claim } from "../claim.ts";

const tampering = "test/security/audit/tampering.test.ts";
const entries = "test/security/audit/entries.test.ts";
const joins = "test/security/audit/joins.test.ts";
const kill = "test/security/audit/kill.test.ts";
const integration = "test/integration/coordinator/audit.test.ts";
const routeAudit = "src/coordinator/audit/route-audit.test.ts";
const trail = "src/coordinator/audit/store-trail.test.ts";

/** Who did what from where: all of it, never changed, never a secret. */
export const auditClaims: readonly Claim[] = [
  {
    id: "audit.complete",
    claim:
      "Every route that changes anything but the sender's own messages is in the audit, with who, from where, what and the result; a route that is added without it fails a test.",
    shownBy: [
      { file: routeAudit, tests: "every route that is not a GET" },
      { file: integration, tests: "the audit says" },
    ],
  },
  {
    id: "audit.refusals",
    claim: "What was refused is in the audit too, with the code of the refusal.",
    shownBy: [
      { file: entries, tests: "a call without a token is in the audit" },
      { file: integration, tests: "a call that is refused" },
      { file: joins, tests: "a machine that is refused" },
      { file: joins, tests: "a made-up invite" },
    ],
  },
  {
    id: "audit.before-answer",
    claim:
      "A change is in the audit, on the disk, before its caller is answered: kill -9 in the middle of changes leaves an intact chain that holds every change that was answered.",
    shownBy: [{ file: kill }],
  },
  {
    id: "audit.joins",
    claim:
      "A machine that joins over a link is told its token when the audit holds the join, with what its invite gave; while the audit cannot be written, nobody joins.",
    shownBy: [{ file: joins }],
  },
  {
    id: "audit.tampering",
    claim:
      "A changed, removed, inserted, exchanged or re-hashed entry in the database is found, and its number told, by the coordinator and by the command line for itself.",
    shownBy: [
      { file: tampering, tests: "is found without a noted head" },
      { file: "src/domain/audit/audit-chain.test.ts" },
      { file: "src/cli/actions/audit.test.ts" },
    ],
  },
  {
    id: "audit.head",
    claim:
      "With a head that was noted elsewhere it is found, too, that entries at the end were removed or the whole chain was written anew.",
    shownBy: [
      { file: tampering, tests: "is found by a head that was noted" },
      { file: tampering, tests: "a running coordinator misses its newest entries" },
    ],
  },
  {
    id: "audit.append-only",
    claim:
      "The database refuses to change an entry, to delete any but the oldest, and to add one anywhere but at the end; no call of the API can.",
    shownBy: [
      { file: "src/store/sqlite/audit-triggers.test.ts" },
      { file: tampering, tests: "no call of the API changes or removes an entry" },
    ],
  },
  {
    id: "audit.secrets",
    claim:
      "No token, invite or content of a message gets into the audit, whatever somebody puts where a name belongs.",
    shownBy: [
      { file: entries, tests: "no secret that was made or shown" },
      { file: routeAudit, tests: "an entry of a call" },
    ],
  },
  {
    id: "audit.bounded",
    claim:
      "Neither calls that are refused nor what a token without the scope admin does again and again push other entries out of the audit; old entries are deleted only after an entry that says so.",
    shownBy: [
      { file: entries, tests: "thousands of calls" },
      { file: joins, tests: "one machine that redeems" },
      { file: "src/coordinator/audit/repeat-counts.test.ts" },
      { file: trail, tests: "pruning" },
    ],
  },
  {
    id: "audit.disk",
    claim: "While the audit cannot be written, nothing is changed that would have to be in it.",
    shownBy: [
      { file: trail, tests: "the trail" },
      { file: "test/fault/audit-full-disk.test.ts" },
      { file: "src/coordinator/audit/only-audited.test.ts" },
    ],
  },
];
