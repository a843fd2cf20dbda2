import type { Decision } from "../../protocol/decision.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import { newTask, type Task, type TaskMessage } from "./task.ts";
import { applyChange, type NextStep, nextTaskState, type TaskEvent } from "./task-machine.ts";

/** Builders for the tests of this folder: everything has a plain default, tests say what differs. */
export const nodeA = "node_0000000000000000000000000000000a" as NodeId;
export const nodeB = "node_0000000000000000000000000000000b" as NodeId;
export const decision = {} as Decision;
export const offered: Extract<TaskEvent, { kind: "offered" }> = {
  kind: "offered",
  nodeId: nodeA,
  nodeName: "a",
  decision,
};

export function queued(parts: Partial<TaskMessage> = {}): Task {
  return newTask({
    id: "task_00000000000000000000000000000001" as TaskId,
    subject: "admin",
    content: "hello",
    source: "test",
    session: null,
    requires: {},
    labels: {},
    target: null,
    effects: "unsafe",
    infer: true,
    timeoutMs: 600_000,
    createdAtMs: 0,
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
    ...parts,
  });
}

/** Runs events one after the other; @returns the task and the last step's next. */
export function run(task: Task, ...events: readonly TaskEvent[]): { task: Task; next: NextStep } {
  let current = task;
  let next: NextStep = { kind: "none" };
  for (const event of events) {
    const step = nextTaskState(current, event, { nowMs: 1000, random: 0.5 });
    if (step.change !== null) current = applyChange(current, step.change);
    next = step.next;
  }
  return { task: current, next };
}
