import { expect, test } from "bun:test";
import fc from "fast-check";
import { createSeededRandom } from "../../platform/random.ts";
import type { Requirements } from "../../protocol/capability.ts";
import { Decision } from "../../protocol/decision.ts";
import { type RuleInput, StrategyName } from "../../protocol/rule.ts";
import { missingNeeds, toNodeNeeds } from "./capable.ts";
import { decideRoute } from "./decide-route.ts";
import {
  contextOf,
  fixtureNowMs,
  groupOf,
  meshOf,
  messageOf,
  type NodeSketch,
  nodeOf,
  rulesOf,
} from "./mesh-fixture.ts";
import { createMeshIndex } from "./mesh-index.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";
import { toDecision } from "./to-decision.ts";

const skills = ["docker", "python", "xcode"];
const subset = fc.subarray(skills, { minLength: 1 });

const sketch: fc.Arbitrary<NodeSketch> = fc.record({
  name: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz".split("").map((letter) => `node-${letter}`)),
  os: fc.constantFrom("linux", "darwin"),
  gpu: fc.boolean(),
  memoryGb: fc.constantFrom(8, 32),
  tags: fc.subarray(["studio", "docker"]),
  skills: fc.subarray(skills),
  isOnline: fc.boolean(),
  offlineSinceMs: fc.constant(fixtureNowMs - 90_000),
  isReady: fc.boolean(),
  scheduling: fc.constantFrom("active", "active", "cordoned", "draining"),
  isBreakerOpen: fc.boolean(),
  inFlight: fc.integer({ min: 0, max: 5 }),
  latencyMs: fc.integer({ min: 0, max: 50 }),
  weight: fc.integer({ min: 0, max: 3 }),
  runtimes: fc.constantFrom(
    [{ kind: "openclaw" as const, ready: true }],
    [{ kind: "zeroclaw" as const, ready: false }],
  ),
});

const groups = [
  groupOf("macs", { match: { os: "darwin" } }),
  groupOf("listed", { nodes: ["NODE-A", "node-b"] }),
];
const mesh: fc.Arbitrary<MeshSnapshot> = fc
  .uniqueArray(sketch, { selector: ({ name }) => name, maxLength: 26 })
  .map((sketches) => meshOf(sketches.map(nodeOf), groups));

const requires: fc.Arbitrary<Requirements> = fc.record(
  {
    gpu: fc.constant(true as const),
    os: fc.constantFrom("linux", "darwin"),
    skills: subset,
    any_skill: subset,
    tags: fc.constant(["studio"]),
    group: fc.constantFrom("macs", "listed", "nobody"),
    runtime: fc.constantFrom("openclaw", "zeroclaw"),
    min_memory_gb: fc.constant(16),
  },
  { requiredKeys: [] },
);

const target = fc.constantFrom("node-a", "node-b", "macs", "listed", "unknown");
const match: fc.Arbitrary<RuleInput["match"]> = fc.oneof(
  fc.constant({ wildcard: true as const }),
  fc.record({ requires_gpu: fc.constant(true) }),
  fc.record({
    source: fc.constantFrom("cli", "telegram:*"),
    requires_os: fc.constantFrom("linux", "darwin"),
  }),
  fc.record({ content: fc.constantFrom("/docker|gpu/i", "hello") }),
  fc.record({ requires_skills: subset }),
);
const ruleWith = (otherwise: fc.Arbitrary<RuleInput["otherwise"]>): fc.Arbitrary<RuleInput> =>
  fc
    .record({
      match,
      strategy: fc.constantFrom(...StrategyName.options),
      targets: fc.option(fc.array(target, { minLength: 1, maxLength: 3 }), { nil: undefined }),
      otherwise,
    })
    .map(({ targets, otherwise: end, ...rule }) => ({
      ...rule,
      ...(targets !== undefined && { targets }),
      ...(end !== undefined && { otherwise: end }),
    }));
const rules = fc.array(ruleWith(fc.constantFrom(undefined, "next", "queue", "fail")), { maxLength: 5 });

const text = fc.constantFrom(
  "hello",
  "docker with a gpu",
  "用显卡训练",
  "open xcode on the macs",
  "studio time",
);
const message = fc
  .record({
    content: text,
    requires,
    target: fc.option(target, { nil: null }),
    session: fc.option(fc.constant("trip"), { nil: null }),
  })
  .map(({ content, ...more }) => messageOf(content, more));

const seed = fc.integer();
const excludedNames = fc.subarray(["node-a", "node-b", "node-c"]);
const boundName = fc.option(fc.constantFrom("node-a", "node-b", "node-z"), { nil: null });

test("a message goes only to nodes that are available, have a free slot and all that was declared", () => {
  fc.assert(
    fc.property(
      mesh,
      message,
      rules,
      fc.record({ seed, excludedNames, boundName }),
      (nodes, asked, inputs, more) => {
        const excluded = new Set(more.excludedNames.map((name) => nodeOf({ name }).id));
        const boundId = more.boundName === null ? null : nodeOf({ name: more.boundName }).id;
        const binding =
          boundId === null ? null : { nodeId: boundId, boundAtMs: 0, lastUsedAtMs: 0, runtime: null };
        const random = createSeededRandom(more.seed);
        const context = contextOf({ random, excluded, binding });
        const decided = decideRoute(asked, nodes, rulesOf(...inputs), context);
        const needs = toNodeNeeds(asked.requires);
        const { isGroupMember } = createMeshIndex(nodes);
        for (const node of decided.order) {
          expect(node).toMatchObject({
            isOnline: true,
            isReady: true,
            scheduling: "active",
            isBreakerOpen: false,
          });
          expect(node.inFlight).toBeLessThan(node.slots);
          expect(excluded.has(node.id)).toBe(false);
          expect(needs === null ? [] : missingNeeds(node, needs, isGroupMember)).toEqual([]);
        }
        expect(decided.outcome === "assigned").toBe(decided.order.length > 0);
      },
    ),
  );
});

test("the order in which nodes are listed changes nothing", () => {
  fc.assert(
    fc.property(mesh, message, rules, seed, (nodes, asked, inputs, seedValue) => {
      const decide = (snapshot: MeshSnapshot) => {
        const context = contextOf({ random: createSeededRandom(seedValue) });
        return toDecision(decideRoute(asked, snapshot, rulesOf(...inputs), context), fixtureNowMs);
      };
      const shuffled = [...nodes.nodes]
        .sort((a, b) => ((a.inFlight * 7) % 5) - ((b.inFlight * 7) % 5))
        .reverse();
      expect(decide({ ...nodes, nodes: shuffled })).toEqual(decide(nodes));
    }),
  );
});

test("a decision accounts for every node exactly once and fits its schema", () => {
  fc.assert(
    fc.property(mesh, message, rules, (nodes, asked, inputs) => {
      const decision = toDecision(decideRoute(asked, nodes, rulesOf(...inputs), contextOf()), fixtureNowMs);
      const refused = Object.values(decision.refused.counts).reduce((sum, count) => sum + count, 0);
      expect(decision.candidate_count + refused).toBe(nodes.nodes.length);
      const named = [...decision.ranking, ...decision.refused.named].map((node) => node.node_id);
      expect(new Set(named).size).toBe(named.length);
      if (nodes.nodes.length <= 20) expect(named).toHaveLength(nodes.nodes.length);
      expect(Decision.safeParse(decision).error).toBeUndefined();
      expect(decision.unblock.length > 0).toBe(decision.outcome !== "assigned");
    }),
  );
});

test("what a text hints at never makes a routable message unroutable", () => {
  fc.assert(
    fc.property(
      mesh,
      message,
      fc.array(ruleWith(fc.constant("next")), { maxLength: 5 }),
      (nodes, asked, inputs) => {
        const outcomeWith = (infer: boolean) =>
          decideRoute({ ...asked, infer }, nodes, rulesOf(...inputs), contextOf()).outcome;
        expect(outcomeWith(true) === "unroutable").toBe(outcomeWith(false) === "unroutable");
      },
    ),
  );
});

test("a memo that is kept changes no outcome", () => {
  const context = contextOf();
  fc.assert(
    fc.property(fc.array(fc.tuple(mesh, message, rules), { maxLength: 4 }), (rounds) => {
      for (const [nodes, asked, inputs] of rounds) {
        const snapshot = { ...nodes, revision: nextRevision++ };
        const kept = decideRoute(asked, snapshot, rulesOf(...inputs), context);
        const fresh = decideRoute(asked, snapshot, rulesOf(...inputs), contextOf());
        expect(toDecision(kept, 0)).toEqual(toDecision(fresh, 0));
      }
    }),
  );
});

let nextRevision = 1;
