import { z } from "zod";
import { sha256Hex } from "../platform/hash.ts";
import { createSeededRandom, type Random } from "../platform/random.ts";

/**
 * What can be broken on purpose. docs/how-to/lab.md tells each in words.
 *
 * - `kill-node`, `kill-coordinator`: SIGKILL, and a new start after the duration
 * - `stop-node`, `stop-coordinator`: SIGSTOP, and SIGCONT after the duration
 * - `cut-link`: the link is reset, and new ones are refused for the duration
 * - `silence-link`: half-open for the duration: nothing gets through and nobody is told; then it is reset
 * - `delay-link`: everything on it comes later
 * - `refuse-runtime` (429 and 503), `fail-runtime` (500), `hang-runtime`, `slow-runtime`: what the model server does
 * - `drop-clients`: the senders lose their connections and send again with the same keys
 * - `fill-disk`: the coordinator's disk has no room left
 */
export const FaultKind = z.enum([
  "kill-node",
  "kill-coordinator",
  "stop-node",
  "stop-coordinator",
  "cut-link",
  "silence-link",
  "delay-link",
  "refuse-runtime",
  "fail-runtime",
  "hang-runtime",
  "slow-runtime",
  "drop-clients",
  "fill-disk",
]);
export type FaultKind = z.infer<typeof FaultKind>;

/** One fault. It begins when so many tasks have been accepted: progress repeats from run to run, time does not. */
export const Fault = z.strictObject({
  at_accepted: z.int().min(0),
  kind: FaultKind,
  /** `coordinator`, `clients`, or the name of a node. */
  target: z.string().min(1).max(80),
  duration_ms: z.int().min(0).max(120_000),
});
export type Fault = z.infer<typeof Fault>;

/** Faults of one run at most. */
export const maxFaults = 2000;
export const FaultPlan = z.array(Fault).max(maxFaults);

export interface PlanOptions {
  readonly kinds: readonly FaultKind[];
  readonly tasks: number;
  readonly nodes: number;
}

interface KindFacts {
  readonly target: "node" | "coordinator" | "clients";
  /** How often it comes, against the others. */
  readonly weight: number;
  readonly minMs: number;
  readonly maxMs: number;
}

const kindFacts: Readonly<Record<FaultKind, KindFacts>> = {
  "kill-node": { target: "node", weight: 6, minMs: 100, maxMs: 2500 },
  "kill-coordinator": { target: "coordinator", weight: 1, minMs: 0, maxMs: 1500 },
  "stop-node": { target: "node", weight: 2, minMs: 300, maxMs: 4000 },
  "stop-coordinator": { target: "coordinator", weight: 1, minMs: 200, maxMs: 2000 },
  "cut-link": { target: "node", weight: 3, minMs: 0, maxMs: 1500 },
  "silence-link": { target: "node", weight: 2, minMs: 1000, maxMs: 5000 },
  "delay-link": { target: "node", weight: 2, minMs: 1000, maxMs: 5000 },
  "refuse-runtime": { target: "node", weight: 2, minMs: 500, maxMs: 4000 },
  "fail-runtime": { target: "node", weight: 2, minMs: 500, maxMs: 3000 },
  "hang-runtime": { target: "node", weight: 2, minMs: 500, maxMs: 3000 },
  "slow-runtime": { target: "node", weight: 2, minMs: 1000, maxMs: 5000 },
  "drop-clients": { target: "clients", weight: 2, minMs: 0, maxMs: 300 },
  "fill-disk": { target: "coordinator", weight: 1, minMs: 500, maxMs: 3000 },
};

/** Tasks per fault, beyond one fault of each kind. */
const tasksPerFault = 200;
/** From this many tasks on some faults last longer than a missed heartbeat takes to be noticed. */
const tasksForLongFaults = 5000;
const longShare = 0.15;
const longMs: Readonly<Partial<Record<FaultKind, number>>> = { "silence-link": 18_000, "stop-node": 18_000 };

/** The first faults come after this share of the tasks, the last ones before the other: both ends of the run are calm. */
const firstShare = 0.03;
const lastShare = 0.93;

/** The faults of a run, in order. The same seed and options give the same faults; each kind comes at least once. */
export function planFaults(seed: number, options: PlanOptions): readonly Fault[] {
  const { kinds, tasks } = options;
  if (kinds.length === 0) return [];
  const random = createSeededRandom(seed);
  const count = Math.min(maxFaults, Math.max(kinds.length, Math.round(tasks / tasksPerFault)));
  const once = shuffle(kinds, random);
  const rest = Array.from({ length: count - once.length }, () => pickKind(kinds, random));
  const span = (lastShare - firstShare) / count;
  return shuffle([...once, ...rest], random).map((kind, index) => ({
    at_accepted: Math.floor(tasks * (firstShare + span * (index + random.next()))),
    kind,
    target: pickTarget(kind, options.nodes, random),
    duration_ms: pickDurationMs(kind, tasks, random),
  }));
}

/** Two runs with the same digest had the same faults planned. */
export function planDigest(plan: readonly Fault[]): string {
  return sha256Hex(JSON.stringify(plan.map((fault) => Fault.parse(fault))));
}

/** `lab-01`; so many digits that the names sort. */
export function nodeName(index: number, nodes: number): string {
  return `lab-${String(index + 1).padStart(Math.max(2, String(nodes).length), "0")}`;
}

export function targetKind(kind: FaultKind): KindFacts["target"] {
  return kindFacts[kind].target;
}

function pickKind(kinds: readonly FaultKind[], random: Random): FaultKind {
  const total = kinds.reduce((sum, kind) => sum + kindFacts[kind].weight, 0);
  let left = random.next() * total;
  for (const kind of kinds) {
    left -= kindFacts[kind].weight;
    if (left < 0) return kind;
  }
  return kinds[0] ?? "kill-node";
}

function pickTarget(kind: FaultKind, nodes: number, random: Random): string {
  const { target } = kindFacts[kind];
  return target === "node" ? nodeName(Math.floor(random.next() * nodes), nodes) : target;
}

function pickDurationMs(kind: FaultKind, tasks: number, random: Random): number {
  const { minMs, maxMs } = kindFacts[kind];
  const ordinary = Math.round(minMs + random.next() * (maxMs - minMs));
  const isLong = random.next() < longShare && tasks >= tasksForLongFaults;
  return isLong ? (longMs[kind] ?? ordinary) : ordinary;
}

function shuffle<T>(values: readonly T[], random: Random): readonly T[] {
  return values
    .map((value) => ({ value, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
