import { describe, expect, test } from "bun:test";
import type { RuleInput } from "../../protocol/rule.ts";
import { decideRoute } from "./decide-route.ts";
import {
  contextOf,
  fixtureNowMs,
  groupOf,
  meshOf,
  messageOf,
  nodeIdOf,
  nodeOf,
  ruleIdOf,
  rulesOf,
} from "./mesh-fixture.ts";
import { toDecision } from "./to-decision.ts";

const vps = nodeOf({ name: "vps", skills: ["docker"] });
const gpuBox = nodeOf({ name: "gpu-box", gpu: true, memoryGb: 64, skills: ["docker", "python"] });
const mac = nodeOf({ name: "Mac-Mini", os: "darwin", arch: "arm64", tags: ["studio"], skills: ["xcode"] });
const macs = groupOf("mac-nodes", { match: { os: "darwin" } });
const mesh = meshOf([vps, gpuBox, mac], [macs]);

function firstFor(message: ReturnType<typeof messageOf>, ...rules: readonly RuleInput[]): string | null {
  return decideRoute(message, mesh, rulesOf(...rules), contextOf()).order[0]?.name ?? null;
}

describe("without rules", () => {
  test("prefers the node that has what the text hints at", () => {
    expect(firstFor(messageOf("build it with Xcode"))).toBe("Mac-Mini");
    expect(firstFor(messageOf("用显卡训练一个模型"))).toBe("gpu-box");
    expect(firstFor(messageOf("hello"))).toBe("gpu-box"); // all are equal: by name
  });

  test("takes no hints from the text when the sender switched that off", () => {
    expect(firstFor(messageOf("build it with Xcode", { infer: false }))).toBe("gpu-box");
  });

  test("prefers any node with an AI to one that only echoes, however quick that is and whatever it has", () => {
    const runtimes = [{ kind: "echo", ready: true }] as const;
    const echo = nodeOf({ name: "a-echo", gpu: true, latencyMs: 1, runtimes });
    const slow = nodeOf({ name: "slow", inFlight: 3, latencyMs: 9000 });
    const decideAmong = (...nodes: readonly ReturnType<typeof nodeOf>[]) =>
      decideRoute(messageOf("train a model"), meshOf(nodes), rulesOf(), contextOf());
    expect(decideAmong(echo, slow).order.map(({ name }) => name)).toEqual(["slow", "a-echo"]);
    expect(decideAmong(echo).order.map(({ name }) => name)).toEqual(["a-echo"]);
    expect(toDecision(decideAmong(echo), fixtureNowMs).ranking[0]?.why).toStartWith("only echoes, ");
  });

  test("sends a message that only hints at something elsewhere when no free node has it", () => {
    const busyMac = nodeOf({ name: "mac", os: "darwin", inFlight: 4 });
    const decided = decideRoute(messageOf("open xcode"), meshOf([vps, busyMac]), rulesOf(), contextOf());
    expect(decided.order.map((node) => node.name)).toEqual(["vps"]);
  });

  test.each([
    [{ gpu: true as const }, "gpu-box"],
    [{ os: "darwin" }, "Mac-Mini"],
    [{ arch: "arm64" }, "Mac-Mini"],
    [{ skills: ["Docker", "python"] }, "gpu-box"],
    [{ skills: ["studio"] }, "Mac-Mini"],
    [{ any_skill: ["xcode", "cobol"] }, "Mac-Mini"],
    [{ tags: ["STUDIO"] }, "Mac-Mini"],
    [{ group: "Mac-Nodes" }, "Mac-Mini"],
    [{ min_memory_gb: 32 }, "gpu-box"],
    [{ tags: ["docker"] }, null],
    [{ runtime: "zeroclaw" as const }, null],
    [{ group: "nobody" }, null],
  ])("holds to the declared requirement %j", (requires, expected) => {
    expect(firstFor(messageOf("hello", { requires }))).toBe(expected);
  });

  test("a mesh without nodes is unroutable, not a fault", () => {
    const decided = decideRoute(messageOf("hello"), meshOf([]), rulesOf(), contextOf());
    expect(decided).toMatchObject({ outcome: "unroutable", order: [], waitFor: [] });
  });
});

describe("which rule applies", () => {
  const gpuRule: RuleInput = { match: { requires_gpu: true }, target: "gpu-box" };

  test("a rule of needs alone leaves other messages alone", () => {
    const decided = decideRoute(messageOf("hello"), mesh, rulesOf(gpuRule), contextOf());
    expect(decided.rule).toBeNull();
  });

  test.each([
    ["inferred", messageOf("fine-tune it with CUDA")],
    ["declared", messageOf("hello", { requires: { gpu: true } })],
  ])("a rule of needs alone applies when they are %s", (_how, message) => {
    const decided = decideRoute(message, mesh, rulesOf(gpuRule), contextOf());
    expect(decided.rule?.position).toBe(1);
    expect(decided.order.map((node) => node.name)).toEqual(["gpu-box"]);
  });

  test.each<[RuleInput["match"], ReturnType<typeof messageOf>, boolean]>([
    [{ requires_os: "darwin" }, messageOf("上传到 TestFlight"), true],
    [{ requires_os: "darwin" }, messageOf("hello", { requires: { os: "linux" } }), false],
    [{ requires_skill: "docker" }, messageOf("the docker image is broken"), true],
    [{ requires_skill: "docker" }, messageOf("the dockerfile is broken"), false],
    [{ requires_skill: "docker" }, messageOf("hi", { requires: { skills: ["DOCKER"] } }), true],
    [{ requires_skills: ["docker", "python"] }, messageOf("docker"), false],
    [{ requires_skills: ["docker", "python"] }, messageOf("python in docker"), true],
    [{ requires_any_skill: ["docker", "python"] }, messageOf("some python"), true],
    [{ requires_tag: "studio" }, messageOf("use the studio"), true],
    [{ requires_tag: "studio" }, messageOf("hi", { requires: { skills: ["studio"] } }), false],
    [{ requires_group: "mac-nodes" }, messageOf("run it on the mac nodes please"), true],
    [{ requires_group: "mac-nodes" }, messageOf("hi", { requires: { group: "MAC-NODES" } }), true],
    [{ requires_runtime: "openclaw" }, messageOf("openclaw"), false],
    [{ requires_runtime: "openclaw" }, messageOf("hi", { requires: { runtime: "openclaw" } }), true],
    [{ requires_arch: "arm64" }, messageOf("hi", { requires: { arch: "arm64" } }), true],
    [{ min_memory_gb: 32 }, messageOf("hi", { requires: { min_memory_gb: 16 } }), false],
    [{ min_memory_gb: 32 }, messageOf("hi", { requires: { min_memory_gb: 48 } }), true],
    [{ content: "/deploy|roll ?out/i" }, messageOf("please Rollout"), true],
    [{ content: "/^deploy/" }, messageOf("please deploy"), false],
    [{ content: ["deploy", "部署"] }, messageOf("马上部署服务"), true],
    [{ content: ["deploy"] }, messageOf("the deployment"), false],
    [{ source: "telegram:*" }, messageOf("hi", { source: "Telegram:42" }), true],
    [{ source: "telegram:*" }, messageOf("hi", { source: "cli" }), false],
    [{ session: "web-?" }, messageOf("hi", { session: "web-1" }), true],
    [{ session: "*" }, messageOf("hi"), false],
    [{ labels: { team: "web" } }, messageOf("hi", { labels: { team: "web", more: "1" } }), true],
    [{ labels: { team: "web" } }, messageOf("hi", { labels: { team: "Web" } }), false],
    [{ labels: { toString: "x" } }, messageOf("hi"), false],
    [{ source: "cli", content: ["deploy"] }, messageOf("hi"), false],
    [{ wildcard: true }, messageOf("anything"), true],
  ])("%j for %j", (match, message, expected) => {
    const decided = decideRoute(message, mesh, rulesOf({ match }), contextOf());
    expect(decided.rule !== null).toBe(expected);
  });

  test("needs beside a condition on the message constrain the nodes only", () => {
    const rule: RuleInput = { match: { source: "cli", requires_os: "darwin" } };
    expect(firstFor(messageOf("hello"), rule)).toBe("Mac-Mini");
  });

  test("a rule that every node could serve still applies to the messages it is about", () => {
    const both = meshOf([
      nodeOf({ name: "a", skills: ["docker"] }),
      nodeOf({ name: "b", skills: ["docker"] }),
    ]);
    const rules = rulesOf({ match: { requires_skill: "docker" }, target: "b" });
    expect(decideRoute(messageOf("docker ps"), both, rules, contextOf()).order[0]?.name).toBe("b");
    expect(decideRoute(messageOf("hello"), both, rules, contextOf()).order[0]?.name).toBe("a");
  });
});

describe("where a rule leads", () => {
  const all: RuleInput["match"] = { wildcard: true };

  test.each([
    ["a name, without case", "mac-mini"],
    ["an id", nodeIdOf("Mac-Mini")],
    ["a group", "MAC-nodes"],
  ])("to %s", (_kind, target) => {
    expect(firstFor(messageOf("hello"), { match: all, target })).toBe("Mac-Mini");
  });

  test("the first rule that applies and has a candidate wins", () => {
    const rules: readonly RuleInput[] = [
      { match: { source: "telegram:*" }, target: "vps" },
      { match: all, target: "not-there-yet" },
      { match: all, target: "mac-mini" },
      { match: all, target: "gpu-box" },
    ];
    const decided = decideRoute(messageOf("hello"), mesh, rulesOf(...rules), contextOf());
    expect(decided.rule?.position).toBe(3);
    expect(toDecision(decided, fixtureNowMs).passed_over.map(({ position }) => position)).toEqual([2]);
  });

  test("a full node is a candidate: the message waits for it instead of taking the next rule", () => {
    const busy = nodeOf({ name: "busy", inFlight: 4 });
    const rules = rulesOf({ match: all, target: "busy" }, { match: all, target: "vps" });
    const decided = decideRoute(messageOf("hello"), meshOf([busy, vps]), rules, contextOf());
    expect(decided).toMatchObject({ outcome: "waiting", order: [], waitFor: [busy], isParked: false });
  });

  test.each([
    ["next", "assigned", false],
    ["queue", "waiting", true],
    ["fail", "unroutable", false],
  ] as const)("otherwise: %s, when its node is offline", (otherwise, outcome, isParked) => {
    const asleep = nodeOf({ name: "asleep", isOnline: false, offlineSinceMs: fixtureNowMs - 1 });
    const rules = rulesOf({ match: all, target: "asleep", otherwise });
    const decided = decideRoute(messageOf("hello"), meshOf([asleep, vps]), rules, contextOf());
    expect(decided).toMatchObject({ outcome, isParked });
    expect(decided.waitFor).toEqual(otherwise === "next" ? [] : [asleep]);
  });

  test("a chain starts with its first target that has a free slot; the others are fallbacks in order", () => {
    const busy = nodeOf({ name: "busy", inFlight: 4 });
    const rules = rulesOf({ match: all, targets: ["busy", "vps", "mac-nodes", "gpu-box"] });
    const decided = decideRoute(
      messageOf("hello"),
      meshOf([busy, ...mesh.nodes], [macs]),
      rules,
      contextOf(),
    );
    expect(decided.order.map((node) => node.name)).toEqual(["vps", "Mac-Mini", "gpu-box"]);
  });

  test("a chain goes before load and hints, and a node of two targets belongs to the first", () => {
    const busier = nodeOf({ name: "busier", inFlight: 3 });
    const everyone = groupOf("everyone", { nodes: ["busier", "vps", "mac-mini"] });
    const rules = rulesOf({ match: all, targets: ["busier", "everyone"] });
    const crowd = meshOf([busier, ...mesh.nodes], [everyone]);
    const decided = decideRoute(messageOf("open xcode"), crowd, rules, contextOf());
    expect(decided.order.map((node) => node.name)).toEqual(["busier", "Mac-Mini", "vps"]);
  });

  test("a declared requirement holds inside a rule, too", () => {
    const rule: RuleInput = { match: all, target: "vps" };
    expect(firstFor(messageOf("hello", { requires: { gpu: true } }), rule)).toBe("gpu-box");
  });

  test("a hint never leads out of what the rule allows", () => {
    const rule: RuleInput = { match: all, targets: ["vps", "gpu-box"] };
    expect(firstFor(messageOf("open xcode"), rule)).toBe("vps");
  });

  test("a round-robin rule hands out its nodes in turn, and says where it stands", () => {
    const rules = rulesOf({ match: all, strategy: "round-robin" });
    const cursors = new Map();
    const turns = Array.from({ length: 5 }, () => {
      const { order, nextCursor } = decideRoute(messageOf("hello"), mesh, rules, contextOf({ cursors }));
      cursors.set(nextCursor?.ruleId, nextCursor?.nodeId);
      return order[0]?.name;
    });
    expect(turns).toEqual(["gpu-box", "Mac-Mini", "vps", "gpu-box", "Mac-Mini"]);
    expect([...cursors.keys()]).toEqual([ruleIdOf(1)]);
  });
});

describe("a target named by the sender", () => {
  const rules = rulesOf({ match: { wildcard: true }, target: "gpu-box" });

  test("goes before all rules", () => {
    const decided = decideRoute(messageOf("hello", { target: "MAC-NODES" }), mesh, rules, contextOf());
    expect(decided.order.map((node) => node.name)).toEqual(["Mac-Mini"]);
    expect(decided.rule).toBeNull();
  });

  test("does not set aside what the message requires", () => {
    const message = messageOf("hello", { target: "vps", requires: { gpu: true } });
    expect(decideRoute(message, mesh, rules, contextOf()).outcome).toBe("unroutable");
  });

  test("is waited for while it is full", () => {
    const busy = nodeOf({ name: "busy", inFlight: 4 });
    const decided = decideRoute(messageOf("hi", { target: "busy" }), meshOf([busy, vps]), rules, contextOf());
    expect(decided).toMatchObject({ outcome: "waiting", waitFor: [busy] });
  });
});

describe("nodes that cannot take a message", () => {
  const states = [
    ["offline", { isOnline: false }],
    ["not_ready", { isReady: false, reason: "gateway down" }],
    ["draining", { scheduling: "draining" }],
    ["cordoned", { scheduling: "cordoned" }],
    ["breaker_open", { isBreakerOpen: true }],
    ["not_capable", { os: "windows" }],
    ["not_ready", { runtimes: [{ kind: "openclaw", ready: false }] }],
    ["full", { inFlight: 4 }],
  ] as const;

  test.each(states)("are refused as %s: %j", (reason, sketch) => {
    const other = nodeOf({ name: "other", ...sketch });
    const message = messageOf("hello", { requires: { os: "linux", runtime: "openclaw" } });
    const decided = decideRoute(message, meshOf([other, vps]), rulesOf(), contextOf());
    expect(decided.order).toEqual([vps]);
    expect(toDecision(decided, fixtureNowMs).refused.counts).toEqual({ [reason]: 1 });
  });

  test("are refused for the first reason of the order", () => {
    const worst = nodeOf({ name: "worst", isOnline: false, isReady: false, inFlight: 4 });
    const decided = decideRoute(
      messageOf("hi", { target: "vps" }),
      meshOf([worst, vps]),
      rulesOf(),
      contextOf(),
    );
    expect(toDecision(decided, fixtureNowMs).refused.counts).toEqual({ offline: 1 });
  });

  test("are not tried twice", () => {
    const excluded = new Set([gpuBox.id]);
    const decided = decideRoute(messageOf("hello"), mesh, rulesOf(), contextOf({ excluded }));
    expect(decided.order.map((node) => node.name)).toEqual(["Mac-Mini", "vps"]);
    expect(toDecision(decided, fixtureNowMs).refused.counts).toEqual({ already_tried: 1 });
  });
});

test("of many nodes the best 20 are ranked and the rest is counted", () => {
  const nodes = Array.from({ length: 50 }, (_, index) =>
    nodeOf({ name: `n${index}`, latencyMs: ((index * 37) % 50) + 1 }),
  );
  const decided = decideRoute(messageOf("hello"), meshOf(nodes), rulesOf(), contextOf());
  expect(decided.order.map((node) => node.latencyMs)).toEqual(
    Array.from({ length: 20 }, (_, rank) => rank + 1),
  );
  expect(toDecision(decided, fixtureNowMs).candidate_count).toBe(50);
});

test("a memo that is kept learns the new skills of a node", () => {
  const context = contextOf();
  const rules = rulesOf();
  const groups = [macs];
  const decideWith = (skills: readonly string[], revision: number) => {
    const snapshot = { nodes: [nodeOf({ name: "a" }), nodeOf({ name: "b", skills })], groups, revision };
    return decideRoute(messageOf("mix cobol"), snapshot, rules, context).order[0]?.name;
  };
  expect(decideWith([], 1)).toBe("a");
  expect(decideWith(["cobol"], 2)).toBe("b");
});

test("one memo serves decisions over changing load, and follows a new revision", () => {
  const context = contextOf();
  const busy = { ...vps, inFlight: 0 };
  const spare = nodeOf({ name: "spare", inFlight: 1 });
  const nodes = [busy, spare];
  const first = () =>
    decideRoute(messageOf("hello"), { ...meshOf(nodes), revision: 1 }, rulesOf(), context).order[0];
  expect(first()?.name).toBe("vps");
  busy.inFlight = 3;
  expect(first()?.name).toBe("spare");
  const grown = { ...meshOf([...nodes, nodeOf({ name: "fresh" })]), revision: 2 };
  expect(decideRoute(messageOf("hello"), grown, rulesOf(), context).order[0]?.name).toBe("fresh");
});
