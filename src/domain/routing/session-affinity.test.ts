import { describe, expect, test } from "bun:test";
import { slotNeed } from "./candidates.ts";
import { decideRoute, type RoutingContext } from "./decide-route.ts";
import {
  contextOf,
  fixtureNowMs,
  meshOf,
  messageOf,
  type NodeSketch,
  nodeOf,
  rulesOf,
} from "./mesh-fixture.ts";
import { type SessionBinding, sessionGraceMs, sessionWaitMs } from "./session-affinity.ts";
import { toDecision } from "./to-decision.ts";

const other = nodeOf({ name: "a-other", skills: ["cobol"] });
const message = messageOf("and then?", { session: "trip" });
const rules = rulesOf({ match: { wildcard: true }, target: "a-other" });

function decideWith(home: Partial<NodeSketch>, context: Partial<RoutingContext> = {}, asked = message) {
  const node = nodeOf({ name: "home", ...home });
  const binding: SessionBinding = {
    nodeId: node.id,
    boundAtMs: fixtureNowMs - 1000,
    lastUsedAtMs: fixtureNowMs - 1000,
    runtime: null,
  };
  const decided = decideRoute(asked, meshOf([other, node]), rules, contextOf({ binding, ...context }));
  const names = decided.order.map(({ name }) => name);
  return {
    ...decided,
    names,
    binding: decided.session?.binding,
    waits: decided.waitFor.map(({ name }) => name),
  };
}

describe("a conversation", () => {
  test("is bound by its first message", () => {
    const decided = decideRoute(message, meshOf([other]), rules, contextOf());
    expect(decided.session).toEqual({ name: "trip", binding: "new", nodeId: other.id });
  });

  test("waits unbound while nobody can take its first message", () => {
    const decided = decideRoute(message, meshOf([]), rules, contextOf());
    expect(decided.session).toEqual({ name: "trip", binding: "waiting", nodeId: null });
  });

  test("stays on its node, whatever rules and strategy say, and has no fallback", () => {
    const decided = decideWith({ inFlight: 3 });
    expect(decided).toMatchObject({ outcome: "assigned", names: ["home"], binding: "kept", rule: null });
  });

  test.each<[string, Partial<NodeSketch>]>([
    ["full", { inFlight: 4 }],
    ["not ready", { isReady: false }],
    ["cordoned", { scheduling: "cordoned" }],
    ["failing", { isBreakerOpen: true }],
  ])("waits for its node while that is %s", (_state, home) => {
    const sinceMs = fixtureNowMs - sessionWaitMs + 1;
    const decided = decideWith(home, { waitingSinceMs: sinceMs });
    expect(decided).toMatchObject({ outcome: "waiting", waits: ["home"], binding: "waiting" });
    expect(decided.recheckAtMs).toBe(fixtureNowMs + 1);
    expect(decideWith(home).recheckAtMs).toBe(fixtureNowMs + sessionWaitMs);
  });

  test("does not move because its node stayed full: the message fails instead", () => {
    const decided = decideWith({ inFlight: 4 }, { waitingSinceMs: fixtureNowMs - sessionWaitMs });
    expect(decided).toMatchObject({ outcome: "unroutable", names: [], binding: "kept" });
    expect(decided.session?.nodeId).not.toBeNull();
  });

  test.each<[string, Partial<NodeSketch>]>([
    ["not ready", { isReady: false }],
    ["cordoned", { scheduling: "cordoned" }],
    ["failing", { isBreakerOpen: true }],
  ])("moves when its node was %s for the whole wait", (_state, home) => {
    const decided = decideWith(home, { waitingSinceMs: fixtureNowMs - sessionWaitMs });
    expect(decided).toMatchObject({ outcome: "assigned", names: ["a-other"], binding: "moved" });
  });

  test("waits for a node that went offline just now, and moves after the grace", () => {
    const offlineFor = (ms: number) => ({ isOnline: false, missedSinceMs: fixtureNowMs - ms });
    const early = decideWith(offlineFor(sessionGraceMs - 1));
    expect(early).toMatchObject({ outcome: "waiting", waits: ["home"], recheckAtMs: fixtureNowMs + 1 });
    const late = decideWith(offlineFor(sessionGraceMs));
    expect(late).toMatchObject({ outcome: "assigned", names: ["a-other"], binding: "moved" });
    expect(late.session?.nodeId).toBe(other.id);
  });

  test("waits for a node that was offline for long, but that nobody could have missed", () => {
    const offline = {
      isOnline: false,
      offlineSinceMs: fixtureNowMs - 86_400_000,
      missedSinceMs: fixtureNowMs - 1,
    };
    expect(decideWith(offline)).toMatchObject({ outcome: "waiting", waits: ["home"] });
  });

  test("moves at once when its node drains or was removed", () => {
    expect(decideWith({ scheduling: "draining" })).toMatchObject({ names: ["a-other"], binding: "moved" });
    const binding = { nodeId: nodeOf({ name: "gone" }).id, boundAtMs: 0, lastUsedAtMs: 0, runtime: null };
    expect(decideWith({}, { binding })).toMatchObject({ names: ["a-other"], binding: "moved" });
  });

  test.each([
    ["requires what its node lacks", { requires: { skills: ["cobol"] } }],
    ["names another node", { target: "a-other" }],
  ])("stays where it is when one message %s", (_why, more) => {
    const decided = decideWith({}, {}, { ...message, ...more });
    expect(decided).toMatchObject({ names: ["a-other"], binding: "kept" });
    expect(decided.session?.nodeId).toBe(nodeOf({ name: "home" }).id);
  });

  test("is not moved by a hint in the text", () => {
    expect(decideWith({}, {}, { ...message, content: "now in cobol" }).names).toEqual(["home"]);
  });

  test("waits for its node after that node refused the message", () => {
    const excluded = new Set([nodeOf({ name: "home" }).id]);
    expect(decideWith({}, { excluded })).toMatchObject({ outcome: "waiting", waits: ["home"] });
  });
});

describe("a conversation in one of several runtimes", () => {
  const both = (openclaw: boolean, zeroclaw: boolean) =>
    [
      { kind: "openclaw", ready: openclaw },
      { kind: "zeroclaw", ready: zeroclaw },
    ] as const;
  const bound = {
    nodeId: nodeOf({ name: "home" }).id,
    boundAtMs: 0,
    lastUsedAtMs: 0,
    runtime: "zeroclaw",
  } as const;
  const decide = (home: Partial<NodeSketch>, context: Partial<RoutingContext> = {}, asked = message) =>
    decideWith({ slots: 2, ...home }, { binding: bound, ...context }, asked);
  const free = (...kinds: readonly ("openclaw" | "zeroclaw")[]) => new Set(kinds);
  const needOf = (decided: ReturnType<typeof decide>) => slotNeed(decided.evidence.question);

  test("needs that one, whichever its node prefers now", () => {
    const decided = decide({ runtimes: both(true, true), freeRuntimes: free("openclaw", "zeroclaw") });
    expect([decided.names, needOf(decided)]).toEqual([["home"], "zeroclaw"]);
    const busy = decide({ runtimes: both(true, true), freeRuntimes: free("openclaw") });
    expect(busy).toMatchObject({ outcome: "waiting", waits: ["home"], binding: "waiting" });
  });

  test("waits while that is not ready, and moves after the whole wait", () => {
    const away = { runtimes: both(true, false), freeRuntimes: free("openclaw") };
    const early = decide(away, { waitingSinceMs: fixtureNowMs - sessionWaitMs + 1 });
    expect(early).toMatchObject({ outcome: "waiting", waits: ["home"], recheckAtMs: fixtureNowMs + 1 });
    expect(toDecision(early, 0).refused.named).toContainEqual(
      expect.objectContaining({ reason: "not_ready", detail: "its runtime zeroclaw is not ready" }),
    );
    const late = decide(away, { waitingSinceMs: fixtureNowMs - sessionWaitMs });
    expect(late).toMatchObject({ outcome: "assigned", names: ["a-other"], binding: "moved" });
    expect(needOf(late)).toBe("first");
  });

  test("moves at once when its node has that no more", () => {
    expect(decide({ runtimes: [{ kind: "openclaw", ready: true }] })).toMatchObject({ binding: "moved" });
  });

  test("is left for one message that asks for another", () => {
    const asked = { ...message, requires: { runtime: "openclaw" } as const };
    const decided = decide({ runtimes: both(true, false), freeRuntimes: free("openclaw") }, {}, asked);
    expect([decided.names, decided.binding, needOf(decided)]).toEqual([["home"], "kept", "openclaw"]);
  });
});
