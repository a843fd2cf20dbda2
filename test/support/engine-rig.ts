import { join } from "node:path";
import { adminPrincipal } from "../../src/coordinator/auth/principal.ts";
import { createAckQueue } from "../../src/coordinator/dispatch/ack-queue.ts";
import { type AttemptReports, createAttemptReports } from "../../src/coordinator/dispatch/attempt-reports.ts";
import type { MeshEvents } from "../../src/coordinator/events/mesh-events.ts";
import type { LinkToNode, MeshNode } from "../../src/coordinator/nodes/mesh-node.ts";
import { createNodeRegistry, type NodeRegistry } from "../../src/coordinator/nodes/registry.ts";
import { createGroups } from "../../src/coordinator/routing/groups.ts";
import { createRouter, type Router } from "../../src/coordinator/routing/router.ts";
import { createRules, type Rules } from "../../src/coordinator/routing/rules.ts";
import { createTaskEngine, type TaskEngine } from "../../src/coordinator/tasks/task-engine.ts";
import { defaultRetryPolicy } from "../../src/domain/tasks/retry-policy.ts";
import type { Task, TaskMessage } from "../../src/domain/tasks/task.ts";
import { createDeadlines } from "../../src/platform/deadlines.ts";
import { createEventEmitter } from "../../src/platform/event-emitter.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { silentLog } from "../../src/platform/log.ts";
import { createSeededRandom } from "../../src/platform/random.ts";
import { MeshError } from "../../src/protocol/errors.ts";
import { createSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { TaskStore } from "../../src/store/tasks.ts";
import { type FakeNodeOptions, toHello } from "./fake-node.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { createTempDir } from "./temp-dir.ts";

type NodeParts = Partial<Pick<FakeNodeOptions, "slots" | "capabilities" | "runtimes">>;

/** An engine on a real store, whose disk can be full, with links that only note what is written to them. */
export interface EngineRig extends AsyncDisposable {
  readonly engine: TaskEngine;
  readonly registry: NodeRegistry;
  readonly rules: Rules;
  readonly reports: AttemptReports;
  readonly store: Store;
  readonly clock: ManualClock;
  /** What was written to nodes: `offer 1 to one`. */
  readonly sent: string[];
  /** Contents of the messages that were offered, in order. */
  readonly offered: string[];
  /** States in which tasks ended. */
  readonly ended: string[];
  /** Events of tasks and attempts, by name, in order. */
  readonly events: string[];
  /** How often the router was asked. */
  readonly decisions: () => number;
  /** While it is on, the clock stands still for long after so many decisions, as on a machine that is busy. */
  readonly stallAtDecision: (count: number) => { readonly start: () => void; readonly stop: () => void };
  /** While it is on, every decision ends in a fault. */
  readonly setRouterBroken: (isBroken: boolean) => void;
  readonly setDiskFull: (isFull: boolean) => void;
  /** While it is on, no change of a task can be made, and none will ever. */
  readonly setDamaged: (isDamaged: boolean) => void;
  /** Calls back right after the next commit of a change. */
  readonly afterNextChange: (callback: () => void) => void;
  readonly join: (name: string, parts?: NodeParts) => Promise<MeshNode>;
  /** Links a node of a former process again. */
  readonly relink: (name: string) => Promise<MeshNode>;
  readonly message: (parts?: Partial<TaskMessage>) => TaskMessage;
  /** A message nobody waits for. */
  readonly queued: (parts?: Partial<TaskMessage>) => TaskMessage;
  readonly stored: (id: TaskMessage["id"]) => Promise<Task | null>;
  /** Lets commits and what follows them happen. */
  readonly settle: () => Promise<void>;
  /** Moves the time and lets what came due happen. */
  readonly elapse: (ms: number) => Promise<void>;
  /** The coordinator dies, and another process takes up what is on record; no node is linked then. */
  readonly restart: () => Promise<void>;
}

/** What one coordinator process is made of, between its store and its links. */
type Parts = Awaited<ReturnType<typeof launch>>;

interface Notes {
  readonly sent: string[];
  readonly offered: string[];
  readonly ended: string[];
  readonly events: string[];
  decisions: number;
  onDecision: () => void;
  isDiskFull: boolean;
  isDamaged: boolean;
  onChanged: () => void;
  /** Calls to the store of tasks that have not been answered: some wait for the disk in a thread of their own. */
  storing: number;
}

const taskEvents = [
  "task.accepted",
  "task.waiting",
  "task.offered",
  "task.cancel_requested",
  "task.retried",
  "task.ended",
  "attempt.ended",
  "attempt.late",
] as const;

export async function createEngineRig(): Promise<EngineRig> {
  const dir = await createTempDir();
  const clock = createManualClock();
  const file = join(dir.path, "mesh.db");
  const notes: Notes = {
    sent: [],
    offered: [],
    ended: [],
    events: [],
    decisions: 0,
    onDecision: () => undefined,
    isDiskFull: false,
    isDamaged: false,
    onChanged: () => undefined,
    storing: 0,
  };
  let parts: Parts = await launch(file, clock, notes);

  const settle = async () => {
    for (let quiet = 0; quiet < 5; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = notes.storing === 0 ? quiet + 1 : 0;
    }
  };
  const message = (more: Partial<TaskMessage> = {}): TaskMessage => ({
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
    isSynchronous: true,
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
    ...more,
  });

  return {
    get engine() {
      return parts.engine;
    },
    get registry() {
      return parts.registry;
    },
    get rules() {
      return parts.rules;
    },
    get reports() {
      return parts.reports;
    },
    get store() {
      return parts.store;
    },
    clock,
    sent: notes.sent,
    offered: notes.offered,
    ended: notes.ended,
    events: notes.events,
    decisions: () => notes.decisions,
    stallAtDecision: (count) => ({
      start: () => {
        const atDecision = notes.decisions + count;
        notes.onDecision = () => {
          if (notes.decisions >= atDecision) clock.stall(50);
        };
      },
      stop: () => {
        notes.onDecision = () => undefined;
      },
    }),
    setRouterBroken: (isBroken) => {
      notes.onDecision = () => {
        if (isBroken) throw new Error("the router is broken");
      };
    },
    setDamaged: (isDamaged) => {
      notes.isDamaged = isDamaged;
    },
    setDiskFull: (isFull) => {
      notes.isDiskFull = isFull;
    },
    afterNextChange: (callback) => {
      notes.onChanged = () => {
        notes.onChanged = () => undefined;
        callback();
      };
    },
    join: async (name, more = {}) => {
      const hello = toHello({ name: name as never, slots: 4, ...more });
      const { node } = await parts.registry.admit(hello, adminPrincipal);
      parts.registry.setOnline(node, openSession(), hello);
      return node;
    },
    relink: async (name) => {
      const node = parts.registry.find(name);
      if (node === null) throw new Error(`no node ${name} on record`);
      const { slots, ...hello } = toHello({ name: name as never });
      const returning = { ...hello, slots, node_id: node.id, capabilities: node.record.capabilities };
      await parts.registry.admit(returning, adminPrincipal);
      parts.registry.setOnline(node, openSession(), returning);
      return node;
    },
    message,
    queued: (more = {}) => message({ isSynchronous: false, ...more }),
    stored: (id) => parts.store.tasks.get(id),
    settle,
    elapse: async (ms) => {
      clock.advance(ms);
      await settle();
    },
    restart: async () => {
      await settle();
      parts.deadlines.stop();
      await parts.store.close();
      parts = await launch(file, clock, notes);
      await parts.engine.recover();
      await settle();
    },
    [Symbol.asyncDispose]: async () => {
      await parts.store.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

async function launch(file: string, clock: ManualClock, notes: Notes) {
  const store = await createSqliteStore({ file, clock, ids: systemIds });
  const events = createEventEmitter<MeshEvents>();
  const deadlines = createDeadlines(clock);
  const isGroupName = () => false;
  const log = silentLog;
  const registry = await createNodeRegistry({
    store: store.nodes,
    clock,
    ids: systemIds,
    events,
    isGroupName,
    log,
  });
  const groups = await createGroups({
    store: store.groups,
    configured: {},
    isNodeName: registry.isNameTaken,
    events,
  });
  const common = { registry, clock, random: createSeededRandom(1), events, log };
  const router = await createRouter({ ...common, groups, sessions: store.sessions });
  const rules = await createRules({
    store: store.rules,
    configured: [],
    ids: systemIds,
    events,
    onChange: router.setRules,
  });
  for (const type of taskEvents) events.on(type, () => notes.events.push(type));
  events.on("task.ended", ({ state }) => notes.ended.push(state));
  const engine = createTaskEngine({
    ...common,
    store: watched(store.tasks, notes),
    router: counting(router, notes),
    deadlines,
    sender: {
      offer: ({ node, task }, { number }) => {
        if (node?.link?.isOpen !== true) return false;
        notes.sent.push(`offer ${number} to ${node.name}`);
        notes.offered.push(task.message.content);
        return true;
      },
      stop: (node, _, number, reason) => notes.sent.push(`cancel ${number} at ${node.name}: ${reason}`),
    },
  });
  const acks = createAckQueue(store.sync, deadlines, log);
  const reports = createAttemptReports({ engine, store: store.tasks, registry, acks, events, log });
  return { store, registry, rules, engine, reports, deadlines };
}

/** The store, with a disk that can be full. */
function watched(tasks: TaskStore, notes: Notes): TaskStore {
  const failing = async <T>(write: () => Promise<T>): Promise<T> => {
    if (notes.isDiskFull) throw new MeshError("STORE_UNAVAILABLE", "the disk is full");
    notes.storing += 1;
    return write().finally(() => {
      notes.storing -= 1;
    });
  };
  return {
    ...tasks,
    accept: (task, durability) => failing(() => tasks.accept(task, durability)),
    change: async (id, fence, change, durability) => {
      if (notes.isDamaged) throw new MeshError("STORE_CORRUPT", "the database is damaged");
      const isHeld = await failing(() => tasks.change(id, fence, change, durability));
      notes.onChanged();
      return isHeld;
    },
  };
}

function counting(router: Router, notes: Notes): Router {
  return {
    ...router,
    decide: (message, excluded, waitingSinceMs) => {
      notes.decisions += 1;
      notes.onDecision();
      return router.decide(message, excluded, waitingSinceMs);
    },
  };
}

function openSession(): LinkToNode {
  return {
    principal: adminPrincipal,
    remoteAddress: "test",
    isOpen: true,
    lastSeenMs: 0,
    send: () => undefined,
    isAlive: async () => true,
    countUseless: () => undefined,
    close: () => undefined,
  };
}
