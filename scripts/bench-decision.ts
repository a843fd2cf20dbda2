/**
 * Measures the routing decision: median time of decideRoute alone, and with toDecision, as the coordinator calls them.
 * Prints one line per scenario; `--json` prints an array instead. Run with: bun scripts/bench-decision.ts
 */
import {
  type CompiledRules,
  compileRules,
  createRoutingMemo,
  decideRoute,
  type MeshSnapshot,
  type NodeView,
  type RoutingContext,
  type RoutingMessage,
  toDecision,
} from "../src/domain/routing/index.ts";
import { messageOf, rulesOf } from "../src/domain/routing/mesh-fixture.ts";
import { createSeededRandom } from "../src/platform/random.ts";
import { NodeId } from "../src/protocol/ids.ts";
import type { RuleInput } from "../src/protocol/rule.ts";

interface Scenario {
  readonly name: string;
  readonly mesh: MeshSnapshot;
  readonly rules: CompiledRules;
  readonly message: RoutingMessage;
}

const random = createSeededRandom(7);
const nowMs = 1_760_000_000_000;
const samples = 60;
const minSampleMs = 4;

function bench({ name, mesh, rules, message }: Scenario) {
  const context: RoutingContext = {
    nowMs,
    random,
    binding: null,
    waitingSinceMs: null,
    cursors: new Map(),
    excluded: null,
    memo: createRoutingMemo(),
  };
  const decideUs = medianUs(() => decideRoute(message, mesh, rules, context).order.length);
  const decideAndExplainUs = medianUs(
    () => toDecision(decideRoute(message, mesh, rules, context), nowMs).ranking.length,
  );
  return { name, decide_us: decideUs, decide_and_explain_us: decideAndExplainUs };
}

/** Median over samples that are each long enough for the clock. */
function medianUs(work: () => number): number {
  let rounds = 1;
  let checksum = 0;
  const sample = () => {
    const startMs = performance.now();
    for (let round = 0; round < rounds; round++) checksum += work();
    return performance.now() - startMs;
  };
  while (sample() < minSampleMs) rounds *= 2;
  const times = Array.from({ length: samples }, () => (sample() * 1000) / rounds).sort((a, b) => a - b);
  if (Number.isNaN(checksum)) throw new Error("the work gave no numbers");
  return Math.round((times[samples / 2] ?? 0) * 100) / 100;
}

function createNodes(count: number): readonly NodeView[] {
  return Array.from({ length: count }, (_, index): NodeView => {
    const name = `node-${index}`;
    const tags = index % 10 === 0 ? ["studio"] : [];
    const skills = [
      "git",
      "curl",
      ...(index % 3 === 0 ? ["docker"] : []),
      ...(index % 4 === 0 ? ["python"] : []),
    ];
    return {
      id: NodeId.parse(`node_${index.toString(16).padStart(32, "0")}`),
      name,
      nameKey: name,
      capabilities: {
        os: index % 5 === 0 ? "darwin" : "linux",
        arch: "arm64",
        gpu: index % 7 === 0,
        memory_gb: 16 + (index % 4) * 16,
        tags,
        skills,
      },
      abilities: new Set([...tags, ...skills]),
      tagKeys: new Set(tags),
      runtimes: [{ kind: "openclaw", ready: true }],
      isOnline: index % 50 !== 49,
      offlineSinceMs: index % 50 === 49 ? nowMs - 60_000 : null,
      isReady: true,
      reason: null,
      scheduling: "active",
      isBreakerOpen: false,
      slots: 4,
      inFlight: Math.floor(random.next() * 5),
      foreignRuns: 0,
      latencyMs: random.next() * 1000,
      weight: 1,
    };
  });
}

function createRules(count: number): CompiledRules {
  const inputs = Array.from({ length: count - 1 }, (_, index): RuleInput => {
    const kinds: readonly RuleInput["match"][] = [
      { requires_gpu: true },
      { requires_os: "darwin", requires_skill: "docker" },
      { source: `telegram:${index}*` },
      { labels: { team: `team-${index}` } },
      { requires_skills: ["python", "docker"] },
      { content: [`project ${index}`, `deploy ${index}`] },
    ];
    return { match: kinds[index % kinds.length] ?? {}, target: `node-${index}` };
  });
  return rulesOf(...inputs, { match: { wildcard: true } });
}

const short = "Please look at the log of last night and tell me what went wrong with the backup.";
const small: MeshSnapshot = { nodes: createNodes(3), groups: [], revision: 1 };
const large: MeshSnapshot = {
  nodes: createNodes(1000),
  groups: [{ name: "macs", origin: "api", nodes: [], match: { os: "darwin" } }],
  revision: 1,
};
const results = [
  { name: "3 nodes, 5 rules", mesh: small, rules: createRules(5), message: messageOf(short) },
  {
    name: "3 nodes, 5 rules, 16 KiB",
    mesh: small,
    rules: createRules(5),
    message: messageOf(short.repeat(200)),
  },
  { name: "1,000 nodes, no rules", mesh: large, rules: compileRules([]), message: messageOf(short) },
  { name: "1,000 nodes, 100 rules", mesh: large, rules: createRules(100), message: messageOf(short) },
  {
    name: "1,000 nodes, 100 rules, inferred gpu",
    mesh: large,
    rules: createRules(100),
    message: messageOf("Fine-tune the small model with cuda"),
  },
  {
    name: "1,000 nodes, 100 rules that apply in vain",
    mesh: large,
    rules: rulesOf(
      ...Array.from({ length: 100 }, () => ({ match: { wildcard: true as const }, target: "node-49" })),
    ),
    message: messageOf(short),
  },
  {
    name: "1,000 nodes, 100 rules, requires os and skill",
    mesh: large,
    rules: createRules(100),
    message: messageOf(short, { requires: { os: "darwin", skills: ["python"] } }),
  },
].map(bench);

if (process.argv.includes("--json")) console.log(JSON.stringify(results));
else {
  for (const result of results) {
    const decide = result.decide_us.toFixed(2).padStart(8);
    const both = result.decide_and_explain_us.toFixed(2).padStart(8);
    console.log(`${result.name.padEnd(48)} decide ${decide} us   with explanation ${both} us`);
  }
}
