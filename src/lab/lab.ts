import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MeshFetch } from "../client/index.ts";
import { type Children, createChildren, peakMemoryBytes } from "../platform/child-processes.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { createSeededRandom } from "../platform/random.ts";
import { Secret } from "../protocol/secret.ts";
import { type Collector, createCollector } from "./collector.ts";
import { createExecutionLog, type ExecutionLog } from "./executions.ts";
import type { Kill, Span } from "./failover.ts";
import { type Fault, type FaultKind, planDigest } from "./fault-plan.ts";
import { createFaultRunner, type FaultRunner, type InjectedFault } from "./fault-runner.ts";
import { type LabMesh, startLabMesh } from "./lab-mesh.ts";
import type { LabSettings } from "./lab-settings.ts";
import { keepLedger, type LedgerLine, type ListedTask } from "./ledger.ts";
import { type LoadPlan, planTask } from "./load-plan.ts";
import { assertMemory, diskBytesFor } from "./memory-needs.ts";
import { type ModelServer, startModelServer } from "./model-server.ts";
import { loadRecords } from "./records.ts";
import type { LabReport } from "./report.ts";
import { createSenderConnections, type SenderConnections, sendLoad } from "./senders.ts";
import { createTaskBook, type TaskBook } from "./task-book.ts";
import { type RunFacts, toReport } from "./to-report.ts";
import { createWindow, type Window } from "./window.ts";

export interface LabDeps {
  readonly clock: Clock;
  readonly fetch: MeshFetch;
  readonly createSecret: () => string;
  readonly version: string;
  /** Starts this program again. */
  readonly command: readonly string[];
  /** PATH for the processes that are started; nothing else of the environment reaches them. */
  readonly path: string;
  readonly availableMemoryBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LabProgress) => void;
}

export type LabProgress =
  | { readonly kind: "starting"; readonly directory: string }
  | { readonly kind: "running"; readonly accepted: number; readonly ended: number; readonly faults: number }
  | { readonly kind: "fault"; readonly fault: Fault }
  | { readonly kind: "left_out"; readonly fault: FaultKind; readonly reason: string }
  | { readonly kind: "settling"; readonly open: number }
  | { readonly kind: "counting" };

/** Tasks that are accepted and not at an end, at most: far below what the coordinator lets wait. */
const maxOpenTasks = 1500;
/** Of a short run at most this share, so that faults meet work. */
const openShare = 0.15;
const minOpenTasks = 60;
const concurrency = 64;
const progressMs = 1000;
const overReason = new DOMException("over", "AbortError");
const noDiskReason = "a small file system of its own cannot be made here: that needs unshare and tmpfs";

/**
 * Runs a mesh of real processes under load and faults, and counts what became of every task.
 * @throws MeshError USAGE when the machine is too small, INTERNAL when a part does not start; the reason of the signal
 */
export async function runLab(settings: LabSettings, deps: LabDeps): Promise<LabReport> {
  assertMemory(settings, deps.availableMemoryBytes);
  const directory = await mkdtemp(join(tmpdir(), "claw-mesh-lab-"));
  deps.onProgress({ kind: "starting", directory });
  const children = createChildren();
  let isKept = true;
  try {
    const report = await runIn(directory, children, settings, deps);
    isKept = settings.keep || !report.ok;
    return isKept ? report : { ...report, directory: null };
  } catch (error) {
    isKept = settings.keep || !deps.signal.aborted;
    throw error;
  } finally {
    await children.stop();
    if (!isKept) await rm(directory, { recursive: true, force: true });
  }
}

/** All the parts of a run. */
interface Parts {
  readonly settings: LabSettings;
  readonly deps: LabDeps;
  readonly load: LoadPlan;
  readonly mesh: LabMesh;
  readonly book: TaskBook;
  readonly window: Window;
  readonly collector: Collector;
  readonly connections: SenderConnections;
  readonly faults: FaultRunner;
  readonly token: Secret;
}

async function runIn(
  directory: string,
  children: Children,
  settings: LabSettings,
  deps: LabDeps,
): Promise<LabReport> {
  const { clock, signal } = deps;
  const load: LoadPlan = { seed: settings.seed, safeShare: settings.safeShare };
  const executions = createExecutionLog();
  let onAnswered: (index: number) => void = () => undefined;
  const models = startModelServer({ load, executions, clock, onAnswered: (index) => onAnswered(index) });
  const token = new Secret(deps.createSecret());
  const mesh = await startLabMesh({
    ...{ children, clock, fetch: deps.fetch, command: deps.command, directory, token, models, signal },
    env: { PATH: deps.path, HOME: directory, TMPDIR: directory, LANG: "C.UTF-8" },
    nodes: settings.nodes,
    slots: settings.slots,
    diskBytes: diskBytesFor(settings),
  });
  try {
    const parts = assemble({ settings, deps, load, mesh, models, executions, token });
    onAnswered = parts.collector.expectEnd;
    const ran = await runParts(parts);
    deps.onProgress({ kind: "counting" });
    const listed = await loadRecords({ client: mesh.client, load, book: parts.book, clock, signal });
    const ledger = keepLedger({
      lines: toLines(parts, executions, listed),
      kills: ran.injected.filter(({ kind }) => kind === "kill-node").map(toKill),
      disturbances: ran.injected.filter(({ target }) => target === "coordinator").map(toSpan),
    });
    return toReport({ settings, version: deps.version, directory, ledger, facts: ran });
  } finally {
    await mesh.stopProxies();
    await models.stop();
  }
}

interface AssembleInput {
  readonly settings: LabSettings;
  readonly deps: LabDeps;
  readonly load: LoadPlan;
  readonly mesh: LabMesh;
  readonly models: ModelServer;
  readonly executions: ExecutionLog;
  readonly token: Secret;
}

function assemble({ settings, deps, load, mesh, models, executions, token }: AssembleInput): Parts {
  const { clock } = deps;
  const openTasks = Math.min(maxOpenTasks, Math.max(minOpenTasks, Math.floor(settings.tasks * openShare)));
  const window = createWindow(openTasks);
  const book: TaskBook = createTaskBook((index, id, count) => {
    faults.progress(count);
    if (planTask(load, index).send !== "queue") return;
    collector.follow(index, id);
    // A quick runtime may have answered before the sender heard of the acceptance.
    if (executions.of(index).some(({ end }) => end === "answered")) collector.expectEnd(index);
  });
  const collector = createCollector({ client: mesh.client, load, book, window, clock });
  const connections = createSenderConnections(clock);
  const canFill = mesh.coordinator.disk !== null;
  const faults = createFaultRunner({
    plan: settings.plan.filter(({ kind }) => canFill || kind !== "fill-disk"),
    mesh,
    models,
    connections,
    clock,
    onFault: (fault) => deps.onProgress({ kind: "fault", fault }),
  });
  return { settings, deps, load, mesh, book, window, collector, connections, faults, token };
}

/** Offers the load and the faults, and waits for the end of both. */
async function runParts(parts: Parts): Promise<RunFacts> {
  const { settings, deps, mesh, collector, connections, faults, window } = parts;
  const { clock, signal } = deps;
  const leftOut = leftOutFaults(parts);
  const startedMs = clock.monotonicMs();
  const stop = new AbortController();
  const interrupt = () => stop.abort(signal.reason);
  signal.addEventListener("abort", interrupt, { once: true });
  const end = () => {
    connections.drop(0);
    window.open();
  };
  stop.signal.addEventListener("abort", end, { once: true });
  const reporting = reportProgress(parts, stop);
  const collecting = collector.run();
  try {
    const sending = sendLoad({
      ...parts,
      tasks: settings.tasks,
      baseUrl: mesh.coordinator.url,
      fetch: deps.fetch,
      clock,
      random: createSeededRandom(settings.seed + 1),
      concurrency,
      rate: settings.rate,
      signal: stop.signal,
    });
    await Promise.race([sending, faults.failed, collecting]);
    signal.throwIfAborted();
    const loadedMs = clock.monotonicMs();
    const injected = await Promise.race([faults.finish(), faults.failed]);
    await settle(parts);
    const endedMs = clock.monotonicMs();
    return {
      injected,
      leftOut,
      planDigest: planDigest(settings.plan),
      loadMs: loadedMs - startedMs,
      runMs: endedMs - startedMs,
      coordinatorPeakBytes: mesh.coordinator.peakMemoryBytes(),
      labPeakBytes: peakMemoryBytes("self"),
    };
  } finally {
    signal.removeEventListener("abort", interrupt);
    stop.abort(overReason);
    collector.stop();
    // A fault that went on would start processes again after all were ended.
    await faults.stop();
    await collecting;
    await reporting;
  }
}

function leftOutFaults({ settings, mesh, deps }: Parts): RunFacts["leftOut"] {
  const isAsked = settings.plan.some(({ kind }) => kind === "fill-disk");
  if (!isAsked || mesh.coordinator.disk !== null) return [];
  deps.onProgress({ kind: "left_out", fault: "fill-disk", reason: noDiskReason });
  return [{ kind: "fill-disk", reason: noDiskReason }];
}

/** Until every accepted task has ended, or the time for that is over. */
async function settle({ settings, deps, collector }: Parts): Promise<void> {
  const { clock, signal } = deps;
  const endsAtMs = clock.monotonicMs() + settings.settleMs;
  while (collector.openCount() > 0 && clock.monotonicMs() < endsAtMs) {
    signal.throwIfAborted();
    await delay(clock, progressMs / 20, signal);
  }
}

/** Ends a load that does not get on: what is missing then, the ledger tells. */
async function reportProgress(parts: Parts, stop: AbortController): Promise<void> {
  const { book, collector, deps, faults, settings } = parts;
  let last = 0;
  let lastMs = deps.clock.monotonicMs();
  while ((await delay(deps.clock, progressMs, stop.signal)) === "elapsed") {
    // Also takes the measure of the coordinator while it lives.
    parts.mesh.coordinator.peakMemoryBytes();
    const accepted = book.acceptedCount();
    const moved = accepted + collector.endedCount();
    if (moved !== last) lastMs = deps.clock.monotonicMs();
    else if (deps.clock.monotonicMs() - lastMs > settings.settleMs) stop.abort(overReason);
    last = moved;
    if (accepted >= settings.tasks) deps.onProgress({ kind: "settling", open: collector.openCount() });
    else
      deps.onProgress({
        kind: "running",
        accepted,
        ended: accepted - collector.openCount(),
        faults: faults.startedCount(),
      });
  }
}

function* toLines(
  { book, load }: Parts,
  executions: ExecutionLog,
  listed: ReadonlyMap<number, readonly ListedTask[]>,
): Generator<LedgerLine> {
  for (const index of book.indexes()) {
    yield {
      planned: planTask(load, index),
      entry: book.entry(index),
      listed: listed.get(index) ?? [],
      executions: executions.of(index),
    };
  }
}

function toKill({ target, startedAtMs }: InjectedFault): Kill {
  return { node: target, atMs: startedAtMs };
}

function toSpan({ startedAtMs, endedAtMs }: InjectedFault): Span {
  return { fromMs: startedAtMs, toMs: endedAtMs };
}
