import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RuntimeKind } from "../../protocol/capability.ts";
import { slotNeed } from "./candidates.ts";
import { toNodeNeeds } from "./capable.ts";
import { decideRoute } from "./decide-route.ts";
import { contextOf, meshOf, messageOf, type NodeSketch, nodeOf, rulesOf } from "./mesh-fixture.ts";
import { createMeshIndex } from "./mesh-index.ts";
import type { RoutingMessage } from "./routing-message.ts";
import { createScope, narrowScope } from "./scope.ts";
import { hasRoom, runtimeFor } from "./slot-need.ts";
import { toDecision } from "./to-decision.ts";

const both = [
  { kind: "openclaw", ready: true },
  { kind: "zeroclaw", ready: true },
] as const;

const twoRuntimes = (name: string, free: readonly RuntimeKind[], more: Partial<NodeSketch> = {}) =>
  nodeOf({ name, runtimes: both, slots: 2, inFlight: 2 - free.length, freeRuntimes: new Set(free), ...more });

const decide = (message: Partial<RoutingMessage>, ...nodes: readonly ReturnType<typeof nodeOf>[]) =>
  decideRoute(messageOf("work", message), meshOf(nodes), rulesOf(), contextOf());
const namesOf = (decided: ReturnType<typeof decide>) => decided.order.map(({ name }) => name);

describe("a message that needs a runtime", () => {
  const requires = { runtime: "zeroclaw" } as const;

  test("waits for a slot of that runtime though the node has room elsewhere", () => {
    const busy = twoRuntimes("busy", ["openclaw"]);
    const decided = decide({ requires }, busy);
    expect(decided.outcome).toBe("waiting");
    expect(decided.waitFor).toEqual([busy]);
    expect(toDecision(decided, 0).refused.named).toMatchObject([
      { reason: "full", detail: "all slots of its runtime zeroclaw in use" },
    ]);
  });

  test("goes where that runtime is free, past a node that is less busy", () => {
    const decided = decide(
      { requires },
      twoRuntimes("a", ["openclaw"], { slots: 100 }),
      twoRuntimes("b", ["zeroclaw"], { inFlight: 1 }),
    );
    expect(namesOf(decided)).toEqual(["b"]);
  });

  test("by a rule waits like one that says so itself", () => {
    const rules = rulesOf({ match: { content: "work", requires_runtime: "zeroclaw" } });
    const mesh = meshOf([twoRuntimes("busy", ["openclaw"])]);
    expect(decideRoute(messageOf("work"), mesh, rules, contextOf()).outcome).toBe("waiting");
    expect(decideRoute(messageOf("other"), mesh, rules, contextOf()).outcome).toBe("assigned");
  });
});

describe("the runtime that a message needs", () => {
  const rules = rulesOf({ match: { content: "work", requires_runtime: "zeroclaw" } });
  const node = twoRuntimes("n", ["openclaw", "zeroclaw"]);
  const needOf = (message: Partial<RoutingMessage>) =>
    slotNeed(decideRoute(messageOf("work", message), meshOf([node]), rules, contextOf()).evidence.question);

  test("is the sender's before the rule's", () => {
    expect(needOf({})).toBe("zeroclaw");
    expect(needOf({ requires: { runtime: "openclaw" } })).toBe("openclaw");
    expect(needOf({ session: "lake" })).toBe("zeroclaw");
  });

  test("of a rule stays where the message named some of its nodes", () => {
    const index = createMeshIndex(meshOf([node, nodeOf({ name: "other" })]));
    const ofRule = createScope(index, null, toNodeNeeds({ runtime: "zeroclaw" }));
    const target = createScope(index, ["n", "other"], null);
    expect(narrowScope(ofRule, target)).toMatchObject({ runtime: "zeroclaw", members: [{ node }] });
    expect(narrowScope(target, ofRule).runtime).toBe("zeroclaw");
  });
});

describe("a message that needs no runtime", () => {
  test("is not held up by one runtime that is full", () => {
    expect(namesOf(decide({}, twoRuntimes("busy", ["zeroclaw"])))).toEqual(["busy"]);
  });

  test("waits when all that are ready are full, though slots of others are left", () => {
    const runtimes = [both[0], { kind: "zeroclaw", ready: false }] as const;
    const decided = decide({}, twoRuntimes("busy", [], { runtimes, inFlight: 1 }));
    expect(decided.outcome).toBe("waiting");
    expect(toDecision(decided, 0).refused.named[0]?.detail).toBe("all slots of its runtimes in use");
  });
});

describe("beside another runtime an echo", () => {
  const runtimes = [both[0], { kind: "echo", ready: true }] as const;
  const echoes = twoRuntimes("echoes", ["echo"], { runtimes, slots: 100 });
  const alone = twoRuntimes("alone", ["echo"], { runtimes: [{ ...both[0], ready: false }, runtimes[1]] });

  test("answers only what requires it", () => {
    for (const message of [{}, { session: "lake" }]) expect(decide(message, echoes).outcome).toBe("waiting");
    expect(namesOf(decide({ requires: { runtime: "echo" } }, echoes))).toEqual(["echoes"]);
    expect(namesOf(decide({}, echoes, twoRuntimes("works", ["zeroclaw"], { inFlight: 1 })))).toEqual([
      "works",
    ]);
  });

  test("makes no node ready for what it does not answer, nor full", () => {
    for (const message of [{}, { session: "lake" }]) {
      const decided = decide(message, alone);
      expect(decided).toMatchObject({ outcome: "unroutable", waitFor: [alone] });
      expect(toDecision(decided, 0).refused.named).toMatchObject([
        { reason: "not_ready", detail: "only its echo is ready" },
      ]);
    }
    expect(namesOf(decide({ requires: { runtime: "echo" } }, alone))).toEqual(["alone"]);
  });
});

describe("a conversation", () => {
  test("stays with the runtime that its node prefers, and waits for it", () => {
    const busy = twoRuntimes("busy", ["zeroclaw"]);
    expect(decide({ session: "lake" }, busy).outcome).toBe("waiting");
    expect(decide({ session: "lake", requires: { runtime: "zeroclaw" } }, busy).outcome).toBe("assigned");
    const runtimes = [{ kind: "openclaw", ready: false }, both[1]] as const;
    expect(decide({ session: "lake" }, twoRuntimes("n", ["zeroclaw"], { runtimes })).outcome).toBe(
      "assigned",
    );
  });
});

test("the slots of an older node, which does not tell those of its runtimes, count alone", () => {
  const old = nodeOf({ name: "old", runtimes: both, slots: 2, inFlight: 1 });
  for (const need of [null, "first", "zeroclaw"] as const) expect(hasRoom(old, need)).toBe(true);
  expect(hasRoom({ ...old, inFlight: 2 }, null)).toBe(false);
});

test("whatever is free, a message is only ever given to a runtime that is, and to any that it may have", () => {
  const kinds = ["openclaw", "zeroclaw", "openai", "echo"] as const;
  const node = fc
    .record({
      kinds: fc.shuffledSubarray([...kinds], { minLength: 2 }),
      ready: fc.subarray([...kinds]),
      free: fc.subarray([...kinds]),
    })
    .map(({ kinds: has, ready, free }) =>
      nodeOf({
        name: "n",
        slots: 10,
        runtimes: has.map((kind) => ({ kind, ready: ready.includes(kind) })),
        freeRuntimes: new Set(has.filter((kind) => ready.includes(kind) && free.includes(kind))),
      }),
    );
  const need = fc.constantFrom(null, "first" as const, ...kinds);
  fc.assert(
    fc.property(node, need, (one, wanted) => {
      const free = one.freeRuntimes ?? new Set();
      const kind = runtimeFor(one, wanted);
      if (wanted !== "echo") expect(kind).not.toBe("echo");
      if (hasRoom(one, wanted)) expect(kind !== null && free.has(kind)).toBe(true);
      else if (wanted === null) expect([...free].filter((one) => one !== "echo")).toEqual([]);
      else if (wanted !== "first") expect(free.has(wanted)).toBe(false);
      else expect(kind === null || !free.has(kind)).toBe(true);
    }),
  );
});
