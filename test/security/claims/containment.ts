import type { Claim } from "../claim.ts";

const node = "test/security/containment/hostile-node.test.ts";
const limits = "test/security/containment/node-limits.test.ts";
const terminal = "test/security/containment/terminal-text.test.ts";
const coordinator = "test/security/containment/hostile-coordinator.test.ts";

/**
 * What a node and a coordinator can do to each other when one of them has been taken over.
 *
 * A node is trusted for its own attempts only: it can answer them wrongly, say that it has done nothing when it has, claim
 * skills that it lacks and slots without end, and so draw to itself what its senders may send to it. Who does not want that
 * keeps it out by a group that is listed by hand, by a rule, or by a token that is limited to groups. Groups that nodes are
 * selected for by their capabilities are open to whoever claims those.
 *
 * A coordinator is trusted with the messages: it sees them, decides who gets them, and can give the runtime of a node any
 * message it likes. What the runtime does with it is bounded by the runtime's own rules, not by this program.
 */
export const containmentClaims: readonly Claim[] = [
  {
    id: "containment.others-work",
    claim:
      "A node's answer, failure, refusal, loss, text, cancel or hello about an attempt of another node, or about an old one of its own, changes nothing; nor is a task had by claiming its next attempt, also after a restart of the coordinator, unless its message could be given to the node now.",
    shownBy: [
      { file: node, tests: "about an attempt of another node" },
      { file: node, tests: "about an old attempt of its own" },
      { file: node, tests: "a task that waits" },
      { file: node, tests: "after a restart of the coordinator" },
    ],
  },
  {
    id: "containment.reading",
    claim:
      "A node is offered its own work only, its token opens no route that shows others' work or nodes, and it cannot tell whether an attempt or a node that is not its own exists.",
    shownBy: [
      { file: node, tests: "an attempt that never was" },
      { file: node, tests: "what a node is offered" },
      { file: node, tests: "a node's token" },
    ],
  },
  {
    id: "containment.names",
    claim:
      "A node takes neither the name nor the id of another, not while that one is offline, nor after it has left and may come back; its own token opens it under its own name only, and moves its endpoint to no other machine while it answers.",
    shownBy: [
      { file: node, tests: "another node's name" },
      { file: "test/security/invites/called-nodes.test.ts", tests: "a called node's own token" },
      { file: "src/coordinator/direct/endpoint-move.test.ts" },
    ],
  },
  {
    id: "containment.words",
    claim:
      "Names, tags and skills with control, invisible or text-turning characters, names in more than one alphabet or with phonetic letters, and names like ids are refused.",
    shownBy: [
      { file: limits, tests: "a node is not let in" },
      { file: limits, tests: "a name, a tag and a skill" },
    ],
  },
  {
    id: "containment.drawing",
    claim:
      "A node that calls everyday words or half a dictionary its skills draws no messages by them: such words hint at nothing, and of one node alone 8 words count beside the names of tools.",
    shownBy: [
      {
        file: "src/domain/routing/infer-requirements.test.ts",
        tests: "what the text of a message hints at > is never",
      },
      {
        file: "src/domain/routing/infer-requirements.test.ts",
        tests: "what the text of a message hints at > counts 8",
      },
    ],
  },
  {
    id: "containment.memory",
    claim:
      "Lists, texts and reports of a node are bounded, its changes reach the disk once in a second at most, and a mesh knows 20,000 nodes at most; beyond that it is refused or closed, and others go on.",
    shownBy: [
      { file: limits, tests: "a node that claims all it may" },
      { file: limits, tests: "text of a running attempt" },
      { file: limits, tests: "the registry" },
      { file: "src/link/flood-watch.test.ts" },
    ],
  },
  {
    id: "containment.allowances",
    claim:
      "A node has 256 slots and 64 MiB of unfinished answers at most, also where it is called, long ones of called nodes are taken over one by one and 256 MiB of them read at once; it may open and register only so often, is probed once at a time, brings back at length only answers to what it was given, and cannot choose a failure that is the coordinator's to find out.",
    shownBy: [
      { file: "test/security/containment/node-allowances.test.ts" },
      { file: "src/coordinator/dispatch/reported-failure.test.ts" },
      { file: "src/coordinator/direct/answer-reading.test.ts" },
      { file: "src/coordinator/direct/endpoint-probe.test.ts" },
      { file: "src/platform/rate-gate.test.ts" },
      { file: "test/integration/coordinator/handover.test.ts" },
    ],
  },
  {
    id: "containment.depth",
    claim:
      "No text from outside that nests deeper than 64 levels is parsed: not in a body, on a link, in an answer of a direct endpoint or of a runtime, nor what a coordinator sends; nor one of nothing but parts on a link.",
    shownBy: [
      { file: "test/security/containment/deep-json.test.ts" },
      { file: "src/protocol/json-text.test.ts" },
    ],
  },
  {
    id: "containment.terminal",
    claim:
      "No text of a node, a provider or a sender steers a terminal, hides, turns text round or forges a line: in no command, on a terminal, in a pipe or as JSON, and in neither form of the log.",
    shownBy: [{ file: terminal }, { file: "src/cli/render/render.test.ts", tests: "text of other machines" }],
  },
  {
    id: "containment.exact",
    claim: "The API and --json tell every text exactly as it came; no header carries any of it.",
    shownBy: [{ file: "test/security/containment/exact-text.test.ts" }, { file: terminal }],
  },
  {
    id: "containment.folder",
    claim:
      "Whatever a coordinator calls its mesh, the node or a conversation, a node writes into its own folder only, under fixed names, and keeps identities of 100 meshes at most.",
    shownBy: [{ file: coordinator, tests: "a node writes into no other folder than its own" }],
  },
  {
    id: "containment.seed",
    claim:
      "What a coordinator offers of its machine are settings of a closed list and texts without secrets of known shapes, and only who asked for it takes it over, once: known names inside the workspace, through no link, without hidden characters, and no settings but those of the list, which start, choose, redirect and loosen nothing.",
    shownBy: [
      { file: "src/domain/seed/seed.test.ts" },
      { file: "src/node/seed/seed.test.ts" },
      { file: "test/integration/coordinator/seed.test.ts" },
      { file: "test/integration/coordinator/sync-seed.test.ts" },
    ],
  },
  {
    id: "containment.programs",
    claim: "A node starts no program for a coordinator: what is offered reaches the runtime as data alone.",
    shownBy: [
      { file: coordinator, tests: "a node starts no program for a coordinator" },
      { file: coordinator, tests: "a node hangs up on" },
    ],
  },
  {
    id: "containment.node-resources",
    claim:
      "Offers beyond its slots, repeats, floods, endless answers, a full journal, a new mesh with every answer and absurd intervals leave a node working within its limits.",
    shownBy: [
      { file: coordinator, tests: "a node takes no more than it can do" },
      { file: coordinator, tests: "a node hangs up on" },
      { file: "src/node/journal.test.ts" },
      { file: "src/node/journal-room.test.ts" },
      { file: "src/node/move-limit.test.ts" },
    ],
  },
  {
    id: "containment.node-secrets",
    claim:
      "A node shows its token to nobody but its coordinator's own address, also when that redirects, and keys of the runtime are in no frame.",
    shownBy: [
      { file: coordinator, tests: "a node shows its token to nobody else" },
      { file: coordinator, tests: "keys of the runtime" },
    ],
  },
  {
    id: "containment.node-log",
    claim: "The log of a node stays readable whatever its coordinator says.",
    shownBy: [{ file: coordinator, tests: "the log of a node" }],
  },
];
