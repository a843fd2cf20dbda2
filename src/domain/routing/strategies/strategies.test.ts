import { describe, expect, test } from "bun:test";
import { createSeededRandom } from "../../../platform/random.ts";
import { StrategyName } from "../../../protocol/rule.ts";
import { decideRoute, type RoutingContext } from "../decide-route.ts";
import { contextOf, meshOf, messageOf, type NodeSketch, nodeOf, ruleIdOf, rulesOf } from "../mesh-fixture.ts";

/** Names of the nodes in the order in which a strategy ranks them. */
function rankBy(
  strategy: StrategyName,
  sketches: readonly NodeSketch[],
  {
    message = messageOf("hello"),
    ...context
  }: Partial<RoutingContext> & { message?: ReturnType<typeof messageOf> } = {},
): readonly string[] {
  const rules = rulesOf({ match: { wildcard: true }, strategy });
  return decideRoute(message, meshOf(sketches.map(nodeOf)), rules, contextOf(context)).order.map(
    ({ name }) => name,
  );
}

/** How often each node comes first in many decisions. */
function shares(strategy: StrategyName, sketches: readonly NodeSketch[]): Readonly<Record<string, number>> {
  const random = createSeededRandom(11);
  const wins: Record<string, number> = {};
  const rounds = 4000;
  for (let round = 0; round < rounds; round++) {
    const first = rankBy(strategy, sketches, { random })[0] ?? "";
    wins[first] = (wins[first] ?? 0) + 1 / rounds;
  }
  return wins;
}

describe("every strategy", () => {
  const sketches: readonly NodeSketch[] = [
    { name: "d", inFlight: 1, latencyMs: 90, weight: 2 },
    { name: "b", inFlight: 2, slots: 8, latencyMs: 20 },
    { name: "a", latencyMs: 300 },
    { name: "c", weight: 0 },
    { name: "full", inFlight: 4 },
  ];

  test.each(StrategyName.options)("%s ranks all nodes with a free slot, once", (strategy) => {
    expect([...rankBy(strategy, sketches)].sort()).toEqual(["a", "b", "c", "d"]);
  });

  test.each(StrategyName.options)("%s does not care in which order nodes are listed", (strategy) => {
    const listed = rankBy(strategy, sketches, { random: createSeededRandom(3) });
    const reversed = rankBy(strategy, [...sketches].reverse(), { random: createSeededRandom(3) });
    expect(reversed).toEqual(listed);
  });

  test.each(StrategyName.options)(
    "%s ranks nodes that lack an inferred need behind the others",
    (strategy) => {
      const all = [...sketches, { name: "mac", os: "darwin", inFlight: 3, latencyMs: 9000, weight: 0.1 }];
      expect(rankBy(strategy, all, { message: messageOf("open xcode") })[0]).toBe("mac");
    },
  );
});

describe("least-busy", () => {
  test.each<[string, readonly NodeSketch[], readonly string[]]>([
    [
      "share of slots, not their number",
      [
        { name: "a", inFlight: 1, slots: 2 },
        { name: "b", inFlight: 2, slots: 8 },
      ],
      ["b", "a"],
    ],
    [
      "the runs of others in the same runtimes like its own",
      [
        { name: "a", inFlight: 0, slots: 8, foreignRuns: 5 },
        { name: "b", inFlight: 4, slots: 8 },
      ],
      ["b", "a"],
    ],
    [
      "then the quicker",
      [
        { name: "a", latencyMs: 80 },
        { name: "b", latencyMs: 20 },
      ],
      ["b", "a"],
    ],
    [
      "then the heavier",
      [
        { name: "a", weight: 1 },
        { name: "b", weight: 3 },
      ],
      ["b", "a"],
    ],
    ["then the name", [{ name: "B" }, { name: "a" }], ["a", "B"]],
  ])("%s", (_what, sketches, expected) => {
    expect(rankBy("least-busy", sketches)).toEqual(expected);
  });
});

describe("round-robin", () => {
  const sketches = ["a", "b", "c"].map((name) => ({ name }));
  const cursorAt = (name: string) => new Map([[ruleIdOf(1), nodeOf({ name }).id]]);

  test("starts with the first by name and goes on after the last one", () => {
    expect(rankBy("round-robin", sketches)).toEqual(["a", "b", "c"]);
    expect(rankBy("round-robin", sketches, { cursors: cursorAt("b") })).toEqual(["c", "a", "b"]);
  });

  test("skips a full node without losing its place", () => {
    const busy = [{ name: "a" }, { name: "b", inFlight: 4 }, { name: "c" }];
    expect(rankBy("round-robin", busy, { cursors: cursorAt("a") })).toEqual(["c", "a"]);
  });

  test("starts again when the last one has left", () => {
    expect(rankBy("round-robin", sketches, { cursors: cursorAt("gone") })).toEqual(["a", "b", "c"]);
  });
});

describe("random", () => {
  test("gives every node the same share", () => {
    const wins = shares("random", [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }]);
    for (const share of Object.values(wins)) expect(share).toBeCloseTo(0.25, 1);
    expect(Object.keys(wins)).toHaveLength(4);
  });
});

describe("weighted", () => {
  test("gives shares in proportion to the weights, and nothing to weight 0", () => {
    const wins = shares("weighted", [
      { name: "a", weight: 1 },
      { name: "b", weight: 3 },
      { name: "c", weight: 0 },
    ]);
    expect(wins.a).toBeCloseTo(0.25, 1);
    expect(wins.b).toBeCloseTo(0.75, 1);
    expect(wins.c).toBeUndefined();
  });
});

describe("fastest", () => {
  test("takes the shortest answer time, however busy", () => {
    expect(
      rankBy("fastest", [
        { name: "a", latencyMs: 80 },
        { name: "b", latencyMs: 20, inFlight: 3 },
      ]),
    ).toEqual(["b", "a"]);
  });

  test("tries an untested node first, with one message at a time", () => {
    expect(rankBy("fastest", [{ name: "a", latencyMs: 80 }, { name: "new" }])).toEqual(["new", "a"]);
    expect(
      rankBy("fastest", [
        { name: "a", latencyMs: 80 },
        { name: "new", inFlight: 1 },
      ]),
    ).toEqual(["a", "new"]);
  });
});

describe("sticky", () => {
  const sketches = ["a", "b", "c", "d"].map((name) => ({ name }));
  const homeOf = (source: string, nodes: readonly NodeSketch[]) =>
    rankBy("sticky", nodes, { message: messageOf("hello", { source }) })[0];
  const sources = Array.from({ length: 200 }, (_, index) => `telegram:${index}`);

  test("keeps the node of a source and spreads the sources", () => {
    const homes = sources.map((source) => homeOf(source, sketches));
    expect(sources.map((source) => homeOf(source, sketches))).toEqual(homes);
    for (const { name } of sketches) {
      expect(homes.filter((home) => home === name).length).toBeGreaterThan(25);
    }
  });

  test("moves only the sources of a node that leaves", () => {
    const left = sketches.filter(({ name }) => name !== "b");
    for (const source of sources) {
      const home = homeOf(source, sketches);
      if (home !== "b") expect(homeOf(source, left)).toBe(home);
    }
  });

  test("goes by the session when there is one", () => {
    const homeOfSession = (source: string) =>
      rankBy("sticky", sketches, { message: messageOf("hello", { source, session: "trip" }) })[0];
    expect(new Set(sources.map(homeOfSession)).size).toBe(1);
  });
});
