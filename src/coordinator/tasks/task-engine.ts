import { mayMove } from "../../domain/tasks/retry-policy.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import { currentAttempt, type TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { AttemptNumber, NodeId, TaskId } from "../../protocol/ids.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter, MeshEvents } from "../events/mesh-events.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import { createAcceptance } from "./acceptance.ts";
import { type Adopt, createAdoption } from "./adoption.ts";
import type { AttemptSender } from "./attempt-sender.ts";
import { type LiveTask, latestTask } from "./live-task.ts";
import { createOffering } from "./offering.ts";
import { createPlacement } from "./placement.ts";
import { createRepeatGuard } from "./repeats.ts";
import { createTakeUp } from "./taken-up-task.ts";
import { createTaskTimers } from "./task-timers.ts";
import { createTaskWriter } from "./task-writer.ts";
import { createTasksByNode } from "./tasks-by-node.ts";
import { createTransitions } from "./transitions.ts";

/**
 * The life of every message of this coordinator: accept, decide, offer, record. The transitions themselves are in
 * domain/tasks/task-machine.ts; the engine commits each before anything that depends on it leaves the process: an offer,
 * an answer, an event, the sight of an end that was decided here. Who looks at a task may see any other transition whose
 * commit is still on its way.
 *
 * acceptance.ts takes messages in, offering.ts brings them to nodes or lets them wait, transitions.ts records what becomes
 * of them, taken-up-task.ts goes on with what a former process left.
 */
export interface TaskEngine {
  /**
   * Accepts a message; resolves after its commit. Rejects with NODE_NOT_FOUND, NODE_OFFLINE, REFUSED_BY_RULE, QUEUE_FULL, COORDINATOR_STOPPING, STORE_UNAVAILABLE or
   * IDEMPOTENCY_CONFLICT; one that runs an ended task again also with TASK_NOT_FOUND, TASK_NOT_ENDED or
   * TASK_ALREADY_RETRIED. A repeat of a key joins the task that has it.
   *
   * @param placeOf the subject in whose share of the room it waits; default: the message's
   */
  readonly submit: (message: TaskMessage, placeOf?: string) => Promise<LiveTask>;
  /** With the newest decision, where it waits. */
  readonly find: (id: TaskId) => LiveTask | null;
  /** Asks for the end of a task; without effect on one that has ended. Resolves when what it is then is committed; rejects when that was given up. */
  readonly cancel: (live: LiveTask) => Promise<void>;
  /**
   * Something happened to an attempt. Resolves after the commit, with false when it changed nothing: the report belongs
   * to the history only, or a fault kept it out, which is logged.
   */
  readonly report: (live: LiveTask, event: TaskEvent) => Promise<boolean>;
  /** Resolves when all that happened to the task so far is committed. */
  readonly settled: (id: TaskId) => Promise<void>;
  /** The node has reported that it runs the current attempt: nothing has to be waited for any more. */
  readonly resume: (live: LiveTask, runtime?: RuntimeKind | undefined) => void;
  /** The node has begun with the current attempt; `runtime`: in which of its runtimes, where it tells. */
  readonly begin: (live: LiveTask, attempt: AttemptNumber, runtime: RuntimeKind | undefined) => void;
  /** A node has come back with this attempt. */
  readonly adopt: Adopt;
  /** The node has lost the gateway of the run, or has it back. One that may move does so as soon as another node can take it. */
  readonly setRecovering: (live: LiveTask, isRecovering: boolean) => void;
  /** Tasks whose current attempt was written to this node's link. */
  readonly onNode: (nodeId: NodeId) => readonly LiveTask[];
  /** Takes up what a former process left unfinished. */
  readonly recover: () => Promise<void>;
  readonly size: () => number;
  /**
   * Takes no new work; resolves when all has ended for which somebody waits or that runs, or the time is over. Those who
   * still wait then are told COORDINATOR_STOPPING; their tasks stay on record and are taken up by the next process, as
   * are queued tasks that no node has taken.
   */
  readonly drain: (deadlineMs: number) => Promise<void>;
}

interface EngineOptions {
  readonly store: TaskStore;
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly sender: AttemptSender;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: Random;
  readonly log: Log;
}

export function createTaskEngine(options: EngineOptions): TaskEngine {
  const { store, router, deadlines, log } = options;
  const live = new Map<TaskId, LiveTask>();
  const byNode = createTasksByNode();
  const writer = createTaskWriter(store, deadlines, log);
  let isStopping = false;
  let onQuiet: (() => void) | null = null;

  const report = (one: LiveTask, event: TaskEvent) => transitions.report(one, event);
  const route = (one: LiveTask) => offering.route(one);
  const timers = createTaskTimers({ ...options, report });
  const placement = createPlacement({ ...options, byNode, onMayGo });
  const offering = createOffering({ ...options, placement, timers, report, isStopping: () => isStopping });
  const transitions = createTransitions({
    ...options,
    writer,
    placement,
    byNode,
    timers,
    route,
    join: offering.join,
    drop,
    onPaused: tellWhenQuiet,
  });
  const accept = createAcceptance({
    ...options,
    placement,
    offering,
    timers,
    live,
    drop,
    finish: transitions.finish,
  });
  const takeUp = createTakeUp({ ...options, placement, timers, live, offering, report });
  options.events.on("node.left", onNodeLeft);
  const adopt = createAdoption({ ...options, placement, byNode, timers, report });
  const submit = createRepeatGuard({ store, findLive: find, accept });

  function find(id: TaskId): LiveTask | null {
    const one = live.get(id) ?? null;
    const decision = one === null || one.waitingSinceMs === null ? null : placement.decisionOf(one);
    if (one !== null && decision !== null && decision !== one.task.decision) {
      one.task = { ...one.task, decision };
    }
    return one;
  }

  async function settled(id: TaskId): Promise<void> {
    await writer.settled(id);
    const one = live.get(id);
    if (one !== undefined && one.ending !== null) await one.ended.promise;
  }

  function begin(one: LiveTask, attempt: AttemptNumber, told: RuntimeKind | undefined): void {
    const only = one.node?.runtimes.length === 1 ? one.node.runtimes[0]?.kind : undefined;
    const runtime = told ?? one.wantedRuntime ?? only;
    if (runtime !== undefined) {
      placement.recount(one, runtime);
      if (one.node !== null) router.bindRuntime(one.task.message, one.node.id, runtime);
    }
    void report(one, { kind: "started", attempt, runtime });
  }

  function onMayGo(id: TaskId): void {
    const one = live.get(id);
    if (one !== undefined) route(one);
  }

  /** A node that was removed while it had no link never says what became of its runs. */
  function onNodeLeft({ nodeId, isRemoved }: MeshEvents["node.left"]): void {
    if (!isRemoved) return;
    for (const one of onNode(nodeId)) {
      const attempt = currentAttempt(latestTask(one));
      // While it is linked the end of its link tells.
      if (attempt === null || (one.node !== null && one.node.link !== null)) continue;
      const reason = "The node was removed from the mesh while it worked on the message.";
      void report(one, { kind: "lost", attempt: attempt.number, started: true, fenced: false, reason });
    }
  }

  function onNode(nodeId: NodeId): readonly LiveTask[] {
    return [...byNode.on(nodeId)].filter((one) => {
      const attempt = currentAttempt(latestTask(one));
      return attempt?.nodeId === nodeId && attempt.number === one.writtenAttempt;
    });
  }

  function drop(one: LiveTask): void {
    live.delete(one.id);
    placement.leave(one, false);
    timers.forgetAll(one);
    placement.release(one);
    tellWhenQuiet();
  }

  // ---- stopping ----

  /** Nobody waits for an answer, nothing runs: what is left waits for a node, on record. */
  function isQuiet(): boolean {
    if (!writer.isIdle()) return false;
    for (const { task } of live.values()) {
      if (task.message.isSynchronous || currentAttempt(task) !== null) return false;
    }
    return true;
  }

  function tellWhenQuiet(): void {
    if (onQuiet !== null && isQuiet()) onQuiet();
  }

  async function drain(deadlineMs: number): Promise<void> {
    isStopping = true;
    if (!isQuiet()) {
      await new Promise<void>((resolve) => {
        const forget = deadlines.in(deadlineMs, resolve);
        onQuiet = () => {
          forget();
          resolve();
        };
      });
    }
    for (const one of live.values()) one.ended.reject(stoppedWaiting());
  }

  return {
    submit: async (message, placeOf) => {
      if (!isStopping) return submit(message, placeOf);
      throw new MeshError("COORDINATOR_STOPPING", "The coordinator is stopping and takes no new messages.");
    },
    find,
    cancel: async (one) => {
      await report(one, { kind: "cancel_requested" });
      // It changes nothing when the end, or another cancel, came first: but that may be on its way to the store still.
      await settled(one.id);
    },
    report,
    settled,
    adopt,
    begin,
    resume: (one, runtime) => {
      const attempt = currentAttempt(latestTask(one));
      if (attempt === null) return;
      placement.adopt(one, attempt.nodeId);
      if (one.task.cancelRequestedAtMs !== null) transitions.stopRun(one, attempt.number, "cancelled");
      else one.forgetTimer();
      one.isRecovering = false;
      if (attempt.state === "offered") begin(one, attempt.number, runtime);
      else if (runtime !== undefined) placement.recount(one, runtime);
    },
    setRecovering: (one, isRecovering) => {
      const attempt = currentAttempt(latestTask(one));
      if (attempt === null || one.isRecovering === isRecovering) return;
      one.isRecovering = isRecovering;
      if (one.task.cancelRequestedAtMs !== null) return;
      if (!isRecovering) one.forgetTimer();
      else if (mayMove(one.task)) transitions.moveWhenPossible(one, attempt.number);
    },
    onNode,
    recover: async () => {
      for (const task of await store.listUnfinished()) takeUp(task);
    },
    size: () => live.size,
    drain,
  };
}

function stoppedWaiting(): MeshError {
  return new MeshError("COORDINATOR_STOPPING", "The coordinator stops before the answer has come.", {
    hint: "With an Idempotency-Key the same call gets the answer from the next coordinator.",
  });
}
