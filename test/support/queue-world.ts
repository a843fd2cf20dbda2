import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { createAckQueue } from "../../src/coordinator/dispatch/ack-queue.ts";
import { createAttemptReports } from "../../src/coordinator/dispatch/attempt-reports.ts";
import { createAttemptSender } from "../../src/coordinator/dispatch/attempt-sender.ts";
import { createNodeLinks } from "../../src/coordinator/dispatch/node-links.ts";
import type { MeshEventEmitter, MeshEvents } from "../../src/coordinator/events/mesh-events.ts";
import { startBreakers } from "../../src/coordinator/health/breakers.ts";
import { createNodeRegistry, type NodeRegistry } from "../../src/coordinator/nodes/registry.ts";
import { createGroups } from "../../src/coordinator/routing/groups.ts";
import { createRouter } from "../../src/coordinator/routing/router.ts";
import { createTaskEngine, type TaskEngine } from "../../src/coordinator/tasks/task-engine.ts";
import { defaultRetryPolicy } from "../../src/domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../src/domain/tasks/task.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { createDeadlines } from "../../src/platform/deadlines.ts";
import { createEventEmitter } from "../../src/platform/event-emitter.ts";
import { systemIds } from "../../src/platform/ids.ts";
import type { Log } from "../../src/platform/log.ts";
import { createSeededRandom } from "../../src/platform/random.ts";
import { createSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { TaskStore } from "../../src/store/tasks.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { type LinkHandlers, PaperNode } from "./paper-node.ts";
import { createTempDir } from "./temp-dir.ts";

/** What a coordinator is made of between its store and its links. */
interface CoordinatorProcess {
  readonly engine: TaskEngine;
  readonly store: Store;
  readonly registry: NodeRegistry;
  readonly events: MeshEventEmitter;
  readonly links: LinkHandlers;
  /** Whether a commit is on its way. */
  readonly isStoring: () => boolean;
  /** What a dead process says, nobody hears. */
  readonly isDead: () => boolean;
  /** From now on none of its timers fires. */
  readonly kill: () => void;
}

/** A coordinator on an SQLite file, without sockets, that can die at any moment; its clock moves only when told. */
export interface QueueWorld extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly now: () => CoordinatorProcess;
  readonly nodes: readonly PaperNode[];
  /** What the coordinators reported as faults of their own. */
  readonly faults: readonly string[];
  /** Lets commits, frames and what follows them happen. */
  readonly settle: () => Promise<void>;
  /** Moves the time in steps and lets what came due happen after each. */
  readonly elapse: (ms: number) => Promise<void>;
  /** `kill -9`: what was not committed is gone; another process starts on what was. Links are gone without a word. */
  readonly crash: () => Promise<void>;
  readonly message: (parts?: Partial<TaskMessage>) => TaskMessage;
}

export interface QueueWorldOptions {
  /** Name and slots of each node; none is linked yet. */
  readonly nodes: readonly (readonly [name: string, slots: number])[];
  readonly seed?: number;
  /** Copied as the first database; making one takes a while. */
  readonly template?: string;
}

/** Turns of the event loop in which whatever was set off has come to rest. */
const settleTurns = 8;

/** Longest piece of time that passes without a look at what it set off. */
const stepMs = 2_000;

export async function createQueueWorld(options: QueueWorldOptions): Promise<QueueWorld> {
  const dir = await createTempDir();
  const clock = createManualClock();
  const faults: string[] = [];
  const nodes = options.nodes.map(([name, slots]) => new PaperNode(name, slots));
  const stores: Store[] = [];
  let generation = 0;
  const fileNow = () => join(dir.path, `mesh-${generation}.db`);
  if (options.template !== undefined) copyFileSync(options.template, fileNow());

  async function launch(): Promise<CoordinatorProcess> {
    const launched = await startProcess(fileNow(), clock, (options.seed ?? 1) + generation, faults);
    stores.push(launched.store);
    return launched;
  }

  let current = await launch();

  const settle = async () => {
    for (let quiet = 0; quiet < settleTurns; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      // Some commits wait for the disk in a thread of their own.
      quiet = current.isStoring() ? 0 : quiet + 1;
    }
  };

  return {
    clock,
    now: () => current,
    nodes,
    faults,
    settle,
    elapse: async (ms) => {
      for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
        clock.advance(Math.min(stepMs, leftMs));
        await settle();
      }
    },
    crash: async () => {
      current.kill();
      for (const node of nodes) node.abandon();
      const before = fileNow();
      generation += 1;
      // What had been committed is in these two files; the rest was in the process.
      for (const part of ["", "-wal"])
        if (existsSync(before + part)) copyFileSync(before + part, fileNow() + part);
      current = await launch();
    },
    message: (parts = {}) => ({
      id: systemIds.task(),
      subject: "admin",
      content: "x",
      source: "test",
      session: null,
      requires: {},
      labels: {},
      target: null,
      effects: "unsafe",
      infer: false,
      timeoutMs: 600_000,
      createdAtMs: clock.nowMs(),
      isSynchronous: false,
      priority: 5,
      notBeforeMs: null,
      expiresAtMs: null,
      retry: defaultRetryPolicy,
      isUntrusted: false,
      allowedGroups: null,
      address: null,
      retryOf: null,
      idempotencyKey: null,
      bodyHash: null,
      ...parts,
    }),
    [Symbol.asyncDispose]: async () => {
      current.kill();
      await Promise.all(stores.map((store) => store.close()));
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function startProcess(
  file: string,
  worldClock: ManualClock,
  seed: number,
  faults: string[],
): Promise<CoordinatorProcess> {
  let isDead = false;
  const clock: Clock = {
    ...worldClock,
    after: (delayMs, callback, how) => worldClock.after(delayMs, () => isDead || callback(), how),
  };
  const log = faultLog(faults, () => isDead);
  const { store, isStoring } = watchStore(
    await createSqliteStore({ file, clock: systemClock, ids: systemIds }),
  );
  const events = createEventEmitter<MeshEvents>((fault) => faults.push(String(fault)));
  const deadlines = createDeadlines(clock, (fault) => faults.push(String(fault)));
  const random = createSeededRandom(seed);
  const isGroupName = () => false;
  const registry = await createNodeRegistry({
    store: store.nodes,
    clock,
    ids: systemIds,
    events,
    isGroupName,
    log,
  });
  const common = { registry, clock, random, events, log };
  const groups = await createGroups({
    store: store.groups,
    configured: {},
    isNodeName: registry.isNameTaken,
    events,
  });
  const router = await createRouter({ ...common, groups, sessions: store.sessions });
  const tasks = withoutFsync(store.tasks);
  const sender = createAttemptSender(clock);
  const engine = createTaskEngine({ ...common, store: tasks, router, deadlines, sender });
  const hasSucceeded = (id: TaskMessage["id"]) => engine.find(id)?.task.state === "succeeded";
  startBreakers({ registry, events, clock, deadlines, random, hasSucceeded });
  await engine.recover();
  const acks = createAckQueue(async () => undefined, deadlines, log);
  const reports = createAttemptReports({ engine, store: tasks, registry, acks, events, log });
  const links = createNodeLinks({
    registry,
    engine,
    reports,
    invites: { redeem: async () => null, grant: async () => undefined, arrived: async () => undefined },
    joins: { assertRecordable: () => undefined, joined: async () => undefined, refused: () => undefined },
    clock,
    log,
    meshId: store.meshId,
    version: "test",
  });
  return {
    engine,
    store,
    registry,
    events,
    links,
    isStoring,
    isDead: () => isDead,
    kill: () => {
      isDead = true;
      deadlines.stop();
    },
  };
}

/** Counts the calls to the store that have not been answered. */
function watchStore(store: Store): { readonly store: Store; readonly isStoring: () => boolean } {
  let pending = 0;
  const watched = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get: (target, key, receiver) => {
        const value: unknown = Reflect.get(target, key, receiver);
        if (typeof value !== "function") return value;
        return (...parameters: readonly unknown[]) => {
          const result: unknown = value.apply(target, parameters);
          if (!(result instanceof Promise)) return result;
          pending += 1;
          const done = () => {
            pending -= 1;
          };
          result.then(done, done);
          return result;
        };
      },
    });
  const { tasks, nodes, sessions } = store;
  return {
    store: { ...store, tasks: watched(tasks), nodes: watched(nodes), sessions: watched(sessions) },
    isStoring: () => pending > 0,
  };
}

/** What survives a process is what is looked at here; a power cut is not, and its fsync would cost most of the time. */
function withoutFsync(tasks: TaskStore): TaskStore {
  return {
    ...tasks,
    accept: (task) => tasks.accept(task, "process"),
    change: (id, fence, change) => tasks.change(id, fence, change, "process"),
  };
}

/** The project's parts log as an error only what must not happen. */
function faultLog(faults: string[], isDead: () => boolean): Log {
  const ignore = () => undefined;
  const log: Log = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (text, facts) => void (isDead() || faults.push(`${text} ${Bun.inspect(facts)}`)),
    child: () => log,
  };
  return log;
}
