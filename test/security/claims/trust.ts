import type { Claim } from "../claim.ts";

const content = "test/security/trust/content-is-data.test.ts";
const answers = "test/security/trust/answers-are-data.test.ts";
const label = "test/security/trust/label.test.ts";
const limit = "test/security/trust/groups-limit.test.ts";
const refusing = "test/security/trust/refusing-rules.test.ts";
const guards = "src/domain/routing/guard-rules.test.ts";

/** Limits of trust: what text may decide, and on whose nodes. */
export const trustClaims: readonly Claim[] = [
  {
    id: "trust.content",
    claim:
      "Nothing that a message says gives it a node, scope or rule beyond what its sender and the rules allow.",
    shownBy: [{ file: content, tests: "whatever a message says" }],
  },
  {
    id: "trust.injection",
    claim:
      "Rules, JSON, command lines, frames and mentions inside a message are decided like any other text.",
    shownBy: [{ file: content, tests: "a text that looks like more than text" }],
  },
  {
    id: "trust.answers",
    claim:
      "The answer of an agent is text: what it contains changes no rule, group, token, invite, node or task.",
    shownBy: [{ file: answers }],
  },
  {
    id: "trust.label",
    claim:
      "What an untrusted token sends, or a sender labels, carries the untrusted label to the runtime, and no retry, edit, bulk call or restart takes it away.",
    shownBy: [
      { file: label, tests: "the untrusted label" },
      { file: label, tests: "over the direct transport" },
      { file: "src/node/attempt-run.test.ts", tests: "the untrusted label" },
    ],
  },
  {
    id: "trust.conversations",
    claim: "Untrusted and trusted messages share no conversation, and choose no node for each other's.",
    shownBy: [
      { file: label, tests: "the untrusted label > keeps a conversation apart" },
      { file: label, tests: "the untrusted label > does not let an untrusted message choose" },
    ],
  },
  {
    id: "trust.rules",
    claim:
      "A rule can refuse the untrusted label, or, with `otherwise: queue` or `fail`, lead it to its nodes alone, whatever target or conversation is named; one that lets it go elsewhere is warned of.",
    shownBy: [
      { file: refusing },
      { file: guards },
      {
        file: "src/domain/routing/rule-check.test.ts",
        tests: "warns of a rule that leads the untrusted label",
      },
    ],
  },
  {
    id: "trust.refused-text",
    claim:
      "A rule that refuses by content reads all of a text, also behind spaces and without unseen characters.",
    shownBy: [{ file: guards, tests: "a rule that refuses by content" }],
  },
  {
    id: "trust.refusals",
    claim:
      "A sender without the scope read is told which rule refused its message, and not what it looks for.",
    shownBy: [{ file: refusing, tests: "what a refusal tells" }],
  },
  {
    id: "trust.groups",
    claim:
      "A token that is limited to groups runs nothing on other nodes and learns nothing of them, of rules or of other groups without the scope read; retries neither widen nor lend a limit.",
    shownBy: [{ file: limit }, { file: guards, tests: "a sender with a limit" }],
  },
  {
    id: "trust.address",
    claim: "Where a message came from is on record and shown only to who may see all tasks.",
    shownBy: [
      { file: "test/security/trust/from-address.test.ts" },
      { file: "src/coordinator/tasks/task-message.test.ts", tests: "where a message came from" },
    ],
  },
];
