import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RuleInput } from "../../protocol/rule.ts";
import { decideRoute } from "./decide-route.ts";
import { mayServe, toLaneWants } from "./lane-wants.ts";
import { contextOf, groupOf, meshOf, messageOf, type NodeSketch, nodeOf, rulesOf } from "./mesh-fixture.ts";
import { createMeshIndex } from "./mesh-index.ts";
import type { RoutingMessage } from "./routing-message.ts";

const groups = [groupOf("macs", { match: { tag: "mac" } })];

/** Whether a node that joins could serve a message that nobody else can. */
function ask(message: RoutingMessage, rules: readonly RuleInput[], sketch: NodeSketch): boolean {
  const none = meshOf([], groups);
  const wants = toLaneWants(decideRoute(message, none, rulesOf(...rules), contextOf()));
  const node = nodeOf(sketch);
  return mayServe(node, wants, createMeshIndex(meshOf([node], groups)));
}

describe("a node that joins", () => {
  test("may serve who asks for what it has, by need, name or group", () => {
    const mac = { name: "Mac", os: "darwin", tags: ["mac"] };
    expect(ask(messageOf("x"), [], mac)).toBe(true);
    expect(ask(messageOf("x", { requires: { os: "darwin" } }), [], mac)).toBe(true);
    expect(ask(messageOf("x", { target: "mac" }), [], mac)).toBe(true);
    expect(ask(messageOf("x", { target: "MACS" }), [], mac)).toBe(true);
  });

  test("may not serve who asks for something else", () => {
    const pc = { name: "pc" };
    expect(ask(messageOf("x", { requires: { os: "darwin" } }), [], pc)).toBe(false);
    expect(ask(messageOf("x", { target: "mac" }), [], pc)).toBe(false);
    expect(ask(messageOf("x", { target: "macs" }), [], pc)).toBe(false);
  });

  test("may serve who is limited to groups only as a member of one", () => {
    const mac = { name: "Mac", tags: ["mac"] };
    for (const allowedGroups of [["MACS"], ["gone", "macs"]]) {
      expect(ask(messageOf("x", { allowedGroups }), [], mac)).toBe(true);
      expect(ask(messageOf("x", { allowedGroups }), [], { name: "pc" })).toBe(false);
    }
    expect(ask(messageOf("x", { allowedGroups: [] }), [], mac)).toBe(false);
  });

  test("may serve whom a rule keeps waiting only when a rule leads to it", () => {
    const rules: RuleInput[] = [
      { match: { source: "cli" }, target: "first" },
      { match: { wildcard: true }, target: "macs", otherwise: "queue" },
    ];
    expect(ask(messageOf("x"), rules, { name: "first" })).toBe(true);
    expect(ask(messageOf("x"), rules, { name: "mac", tags: ["mac"] })).toBe(true);
    expect(ask(messageOf("x"), rules, { name: "other" })).toBe(false);
    expect(ask(messageOf("x"), rules.slice(0, 1), { name: "other" })).toBe(true);
  });
});

const ruleInput: fc.Arbitrary<RuleInput> = fc
  .record({
    match: fc.constantFrom<RuleInput["match"]>(
      { wildcard: true },
      { source: "cli" },
      { source: "other" },
      { requires_gpu: true },
      { requires_skill: "docker" },
      { requires_os: "darwin" },
      { content: ["docker"], requires_tag: "mac" },
    ),
    otherwise: fc.constantFrom<NonNullable<RuleInput["otherwise"]>>("next", "queue", "fail"),
    targets: fc.constantFrom<readonly string[] | undefined>(undefined, ["macs"], ["box"], ["away", "box"]),
  })
  .map(({ targets, ...rule }) => (targets === undefined ? rule : { ...rule, targets: [...targets] }));

test("that turns out to serve a message was never counted out before", () => {
  const sketch: fc.Arbitrary<NodeSketch> = fc.record({
    name: fc.constantFrom("box", "other"),
    os: fc.constantFrom("linux", "darwin"),
    gpu: fc.boolean(),
    tags: fc.constantFrom<readonly string[]>([], ["mac"]),
    skills: fc.constantFrom<readonly string[]>([], ["docker"]),
  });
  const message = fc
    .record({
      content: fc.constantFrom("x", "docker", "train a model with cuda", "an ios app"),
      requires: fc.constantFrom<RoutingMessage["requires"]>(
        {},
        { gpu: true },
        { os: "darwin" },
        { skills: ["Docker"] },
      ),
      target: fc.constantFrom(null, null, "box", "macs", "away"),
    })
    .map(({ content, ...more }) => messageOf(content, more));
  fc.assert(
    fc.property(message, fc.array(ruleInput, { maxLength: 4 }), sketch, (asked, inputs, joining) => {
      const rules = rulesOf(...inputs);
      const away = nodeOf({ name: "away", isOnline: false });
      const before = decideRoute(asked, meshOf([away], groups), rules, contextOf());
      const node = nodeOf(joining);
      const mesh = meshOf([away, node], groups);
      const after = decideRoute(asked, mesh, rules, contextOf());
      if (after.outcome !== "assigned") return;
      expect(mayServe(node, toLaneWants(before), createMeshIndex(mesh))).toBe(true);
    }),
    { numRuns: 500 },
  );
});
