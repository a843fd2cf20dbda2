import { describe, expect, test } from "bun:test";
import type { RuleInput } from "../../protocol/rule.ts";
import { decideRoute } from "./decide-route.ts";
import { contextOf, groupOf, meshOf, messageOf, nodeIdOf, nodeOf, rulesOf } from "./mesh-fixture.ts";
import type { RoutingMessage } from "./routing-message.ts";
import { toDecision } from "./to-decision.ts";

const mesh = meshOf(
  ["desk", "lab", "sandbox"].map((name) => nodeOf({ name, gpu: name === "lab" })),
  [groupOf("own", { nodes: ["desk", "lab"] }), groupOf("guests", { nodes: ["sandbox"] })],
);
const toSandbox: RuleInput = { match: { untrusted: true }, target: "sandbox" };
const refuseAll: RuleInput = { match: { untrusted: true }, refuse: true };

interface Asked extends Partial<RoutingMessage> {
  /** Name of the node of the conversation. */
  readonly heldBy?: string;
  readonly waitingSinceMs?: number;
}

function decide(rules: readonly RuleInput[], { heldBy, waitingSinceMs, ...parts }: Asked = {}) {
  const binding =
    heldBy === undefined ? null : { nodeId: nodeIdOf(heldBy), boundAtMs: 0, lastUsedAtMs: 0, runtime: null };
  const message = messageOf("hello", { ...parts, session: binding === null ? null : "s" });
  const context = contextOf({ binding, waitingSinceMs: waitingSinceMs ?? null });
  const decided = decideRoute(message, mesh, rulesOf(...rules), context);
  return { ...toDecision(decided, context.nowMs), order: decided.order.map(({ name }) => name) };
}

describe("a rule that refuses", () => {
  test("takes every way from the messages it applies to, and names itself", () => {
    for (const asked of [{}, { target: "desk" }, { target: "own" }, { heldBy: "desk" }]) {
      const decision = decide([refuseAll], { isUntrusted: true, ...asked });
      expect(decision).toMatchObject({ outcome: "refused", order: [], candidate_count: 0, untrusted: true });
      expect(decision.rule).toMatchObject({ position: 1, text: "untrusted:true", target: null });
      expect(decision).toMatchObject({ ranking: [], unblock: [], refused: { counts: {}, named: [] } });
    }
  });

  test("leaves all others alone", () => {
    expect(decide([refuseAll]).outcome).toBe("assigned");
    expect(decide([refuseAll], { target: "desk" }).order).toEqual(["desk"]);
    expect(decide([refuseAll], { heldBy: "desk" }).order).toEqual(["desk"]);
  });

  test("comes after an earlier rule that has a node", () => {
    const rules = [
      { match: { source: "cli" }, target: "desk" },
      { match: { wildcard: true as const }, refuse: true as const },
    ];
    expect(decide(rules).order).toEqual(["desk"]);
    expect(decide(rules, { source: "web" }).outcome).toBe("refused");
  });

  test("also when the sender names the node of an earlier rule, and when it names another", () => {
    const rules = [
      { match: { source: "cli" }, target: "desk" },
      { match: { wildcard: true as const }, refuse: true as const },
    ];
    expect(decide(rules, { target: "desk" }).order).toEqual(["desk"]);
    expect(decide(rules, { target: "lab" }).outcome).toBe("refused");
    expect(decide(rules, { target: "own" }).outcome).toBe("refused");
    expect(decide(rules, { heldBy: "desk" }).order).toEqual(["desk"]);
    expect(decide(rules, { heldBy: "lab" }).outcome).toBe("refused");
  });

  test("is passed when what it asks for is not needed", () => {
    const rules: readonly RuleInput[] = [{ match: { untrusted: true, requires_gpu: true }, refuse: true }];
    expect(decide(rules, { isUntrusted: true }).outcome).toBe("assigned");
    expect(decide(rules, { isUntrusted: true, requires: { gpu: true } }).outcome).toBe("refused");
    expect(decide(rules, { requires: { gpu: true } }).outcome).toBe("assigned");
  });
});

describe("a rule that refuses by content", () => {
  const word: RuleInput = { match: { content: ["launch code"] }, refuse: true };
  const pattern: RuleInput = { match: { content: "/launch\\s+codes?\\b/i" }, refuse: true };
  const outcome = (rule: RuleInput, content: string, leads: Partial<RoutingMessage> = {}) =>
    decideRoute(messageOf(content, leads), mesh, rulesOf(rule), contextOf()).outcome;

  test.each([
    ["its words", "give me the LAUNCH CODE"],
    ["its words behind many spaces", `${" ".repeat(16_400)}give me the launch code`],
    ["its words at the end of a long text", `${"x ".repeat(500_000)}launch code`],
    ["its words with a character that has no width", "give me the lau\u200bnch co\u00adde"],
    ["its words among marks of direction", `${" ".repeat(16_400)}\u202elaun\ufeffch\u2060 code`],
  ])("finds %s", (_what, content) => {
    for (const rule of [word, pattern]) {
      expect(outcome(rule, content)).toBe("refused");
      expect(outcome(rule, content, { target: "desk" })).toBe("refused");
    }
  });

  test("finds nothing in other texts, and what it looks for may be such a character", () => {
    for (const rule of [word, pattern])
      expect(outcome(rule, "a launch\u200b pad, no codec")).toBe("assigned");
    const unseen: RuleInput = { match: { content: "/\u200b/" }, refuse: true };
    expect(outcome(unseen, "a\u200bb")).toBe("refused");
    expect(outcome(unseen, "ab")).toBe("assigned");
  });

  test("does not count the words of a rule that leads somewhere, which reads the beginning only", () => {
    const leads: RuleInput = { match: { content: ["launch code"] }, target: "lab" };
    const decided = (content: string) =>
      decideRoute(messageOf(content), mesh, rulesOf(word, leads), contextOf()).rule?.position;
    expect(decided("launch code")).toBe(1);
    const late = `${" ".repeat(16_400)}launch code`;
    expect(decideRoute(messageOf(late), mesh, rulesOf(leads), contextOf()).rule).toBeNull();
  });

  test("is decided the same again for a long text, also under other rules", () => {
    const message = messageOf(`${" ".repeat(20_000)}launch code`);
    const [some, others] = [rulesOf(word), rulesOf({ match: { content: ["nothing"] }, refuse: true })];
    const decide2 = (rules: typeof some) => decideRoute(message, mesh, rules, contextOf()).outcome;
    expect([some, others, some].map(decide2)).toEqual(["refused", "assigned", "refused"]);
  });
});

describe("a rule for the untrusted label", () => {
  test("leads messages with the label, and no others", () => {
    expect(decide([toSandbox], { isUntrusted: true }).order).toEqual(["sandbox"]);
    expect(decide([toSandbox]).order).toContain("desk");
    const trusted: RuleInput = { match: { untrusted: false }, target: "desk" };
    expect(decide([trusted]).order).toEqual(["desk"]);
    expect(decide([trusted], { isUntrusted: true }).rule).toBeNull();
  });

  test("holds against the node that the sender names, when a rule behind it refuses", () => {
    const rules = [toSandbox, refuseAll];
    expect(decide(rules, { isUntrusted: true, target: "desk" }).outcome).toBe("refused");
    expect(decide(rules, { isUntrusted: true, target: "sandbox" }).order).toEqual(["sandbox"]);
    expect(decide(rules, { isUntrusted: true, target: "guests" }).order).toEqual(["sandbox"]);
    expect(decide(rules, { target: "desk" }).order).toEqual(["desk"]);
  });

  test("holds by itself when it says what happens otherwise", () => {
    for (const otherwise of ["queue", "fail"] as const) {
      const decision = decide([{ ...toSandbox, otherwise }], { isUntrusted: true, target: "desk" });
      expect(decision.order).toEqual([]);
      expect(decision.outcome).toBe(otherwise === "queue" ? "waiting" : "unroutable");
    }
  });

  test("holds for a target of which no node is there, and for a group that is empty", () => {
    for (const target of ["gone", "empty"]) {
      const first: RuleInput = { match: { wildcard: true }, target: "desk" };
      expect(decide([refuseAll], { isUntrusted: true, target }).outcome).toBe("refused");
      expect(decide([first, refuseAll], { isUntrusted: true, target }).outcome).toBe("refused");
      expect(decide([toSandbox, refuseAll], { isUntrusted: true, target }).outcome).toBe("refused");
    }
  });

  test("moves a conversation that lives elsewhere", () => {
    const decision = decide([toSandbox], { isUntrusted: true, heldBy: "desk" });
    expect(decision.order).toEqual(["sandbox"]);
    expect(decision.session).toMatchObject({ binding: "moved", node_id: nodeIdOf("sandbox") });
    expect(decide([toSandbox], { isUntrusted: true, heldBy: "sandbox" }).session?.binding).toBe("kept");
    expect(decide([toSandbox], { heldBy: "desk" }).order).toEqual(["desk"]);
  });
});

describe("a sender with a limit", () => {
  const guests = { allowedGroups: ["Guests"] };

  test("gets the nodes of its groups, whatever else was chosen", () => {
    for (const asked of [{}, { target: "own" }, { target: "desk" }, { heldBy: "desk" }]) {
      const decision = decide([], { ...guests, ...asked });
      expect(decision.order.filter((name) => name !== "sandbox")).toEqual([]);
      expect(decision.refused.counts.not_allowed).toBe(2);
    }
    expect(decide([{ match: { wildcard: true }, target: "desk" }], guests).order).toEqual(["sandbox"]);
    expect(decide([{ match: { wildcard: true }, target: "desk", otherwise: "fail" }], guests).outcome).toBe(
      "unroutable",
    );
  });

  test("has its conversation moved from a node that left its groups", () => {
    const decision = decide([], { ...guests, heldBy: "desk" });
    expect(decision.session).toMatchObject({ binding: "moved", node_id: nodeIdOf("sandbox") });
  });

  test("gets nothing from a group that is not there, and is told no names", () => {
    const rules = [{ match: { wildcard: true as const }, target: "desk", otherwise: "queue" as const }];
    for (const allowedGroups of [["gone"], []]) {
      const decision = decide(rules, { allowedGroups });
      expect(decision).toMatchObject({ outcome: "waiting", order: [] });
      expect(JSON.stringify(decision.unblock)).not.toMatch(/desk|lab|sandbox/);
    }
  });
});
