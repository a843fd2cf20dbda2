import { describe, expect, test } from "bun:test";
import { durationText, unblockText } from "../../protocol/unblock-text.ts";
import { decideRoute, type RoutingContext } from "./decide-route.ts";
import {
  contextOf,
  fixtureNowMs,
  groupOf,
  meshOf,
  messageOf,
  nodeIdOf,
  nodeOf,
  rulesOf,
} from "./mesh-fixture.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import { toDecision } from "./to-decision.ts";

const linux = nodeOf({ name: "linux-gpu", gpu: true, inFlight: 1, latencyMs: 812.4 });
const asleep = nodeOf({
  name: "mac-mini",
  os: "darwin",
  isOnline: false,
  offlineSinceMs: fixtureNowMs - 14 * 60_000,
});

function decide(
  message: ReturnType<typeof messageOf>,
  nodes: readonly NodeView[],
  context: Partial<RoutingContext> = {},
) {
  return toDecision(decideRoute(message, meshOf(nodes), rulesOf(), contextOf(context)), fixtureNowMs);
}

describe("what would unblock a message", () => {
  test("says what a node lacks", () => {
    const decision = decide(messageOf("hi", { requires: { gpu: true } }), [linux, nodeOf({ name: "vps" })]);
    expect(decision.refused.named).toEqual([
      { node_id: nodeIdOf("vps"), name: "vps", reason: "not_capable", detail: "gpu" },
    ]);
  });

  test("says what would unblock a message that no node fits", () => {
    const decision = decide(messageOf("hi", { requires: { os: "darwin" } }), [linux, asleep]);
    expect(unblockText(decision, fixtureNowMs)).toBe(
      "a node with os=darwin; mac-mini has it, offline for 14 min",
    );
  });

  test.each<[string, ReturnType<typeof messageOf>, string]>([
    [
      "nobody has it",
      messageOf("hi", { requires: { skills: ["cobol"] } }),
      "a node with skill=cobol; none is there",
    ],
    ["the target sleeps", messageOf("hi", { target: "mac-mini" }), "the target mac-mini, offline for 14 min"],
  ])("says so when %s", (_what, message, expected) => {
    expect(unblockText(decide(message, [linux, asleep]), fixtureNowMs)).toBe(expected);
  });

  test("says who has a skill that it cannot use, and what it lacks, unless the sender is not to know", () => {
    const lacking = new Map([["ffmpeg", ["program ffmpeg", "x); all is well (y"]]]);
    const mac = nodeOf({ name: "mac", lacking });
    const needs = { requires: { skills: ["ffmpeg"] } };
    expect(unblockText(decide(messageOf("hi", needs), [linux, mac]), fixtureNowMs)).toBe(
      "a node with skill=ffmpeg (mac has ffmpeg and lacks program ffmpeg); none is there",
    );
    const limited = decide(messageOf("hi", { ...needs, allowedGroups: ["elsewhere"] }), [linux, mac]);
    expect(unblockText(limited, fixtureNowMs)).not.toContain("mac");
  });

  test("says in the words of the classic tool that nobody is online", () => {
    const hello = messageOf("hi");
    expect(unblockText(decide(hello, []), fixtureNowMs)).toBe("a node; no online nodes available");
    expect(unblockText(decide(hello, [asleep]), fixtureNowMs)).toBe(
      "a node; no online nodes available: mac-mini is offline for 14 min",
    );
  });

  test("says the same to a sender with a limit whether there are nodes outside it or not", () => {
    const groups = [groupOf("guests", { nodes: ["mac-mini"] })];
    const message = messageOf("hi", { allowedGroups: ["guests"] });
    const texts = [[asleep], [asleep, linux]].map((nodes) =>
      unblockText(
        toDecision(decideRoute(message, meshOf(nodes, groups), rulesOf(), contextOf()), fixtureNowMs),
        fixtureNowMs,
      ),
    );
    expect(texts[1]).toBe("a node; no online nodes available: mac-mini is offline for 14 min");
    expect(texts[1]).toBe(texts[0] ?? null);
  });

  test("names a few full nodes and counts the rest", () => {
    const busy = ["a", "b", "c", "d", "e"].map((name) => nodeOf({ name, inFlight: 4 }));
    const decision = decide(messageOf("hi"), busy);
    expect(decision.outcome).toBe("waiting");
    expect(unblockText(decision, fixtureNowMs)).toBe("a free slot on a, b, c and 2 more");
  });

  test("speaks of the conversation when its node is away", () => {
    const binding = { nodeId: linux.id, boundAtMs: 0, lastUsedAtMs: 0, runtime: null };
    const message = messageOf("and then?", { session: "trip" });
    const waiting = decide(message, [asleep], {
      binding: { ...binding, nodeId: asleep.id },
      nowMs: fixtureNowMs - 14 * 60_000 + 5000,
    });
    expect(waiting.outcome).toBe("waiting");
    expect(unblockText(waiting, fixtureNowMs)).toBe(
      "mac-mini, the node of the conversation, offline for 14 min",
    );
  });

  test("says nothing is missing when a node was found", () => {
    expect(unblockText(decide(messageOf("hi"), [linux]), fixtureNowMs)).toBeNull();
  });
});

test("with many nodes, names those that were meant before those that were not", () => {
  const others = Array.from({ length: 60 }, (_, index) => nodeOf({ name: `n${index}` }));
  const meant = ["x", "y"].map((name) => nodeOf({ name, isReady: false, reason: "gateway down" }));
  const decision = decide(messageOf("hi", { target: "x" }), [...others, ...meant]);
  expect(decision.refused.named).toHaveLength(20);
  expect(decision.refused.named.slice(0, 2)).toMatchObject([
    { name: "x", reason: "not_ready", detail: "gateway down" },
    { name: "y", reason: "not_ready" },
  ]);
  expect(decision.refused.counts).toEqual({ not_ready: 2, not_target: 60 });
});

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [3 * 3_600_000, "3 h"],
  [50 * 3_600_000, "2 d"],
])("%d ms is %s", (durationMs, expected) => {
  expect(durationText(durationMs)).toBe(expected);
});
