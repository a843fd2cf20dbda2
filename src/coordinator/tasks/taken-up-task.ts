import type { Task } from "../../domain/tasks/task.ts";
import { currentAttempt } from "../../domain/tasks/task-machine.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import { createLiveTask, type LiveTask } from "./live-task.ts";

/** How long a task of a former process may stay unreported: its nodes have to find the way back first. */
export const recoveryGraceMs = 30_000;

/** A task that a former process left unfinished, on its node if it has one. */
export function takeUpTask(task: Task, registry: NodeRegistry, nowMs: number): LiveTask {
  const one = createLiveTask(task, nowMs);
  one.patientUntilMs = nowMs + recoveryGraceMs;
  const attempt = currentAttempt(task);
  if (attempt === null) return one;
  one.node = registry.find(attempt.nodeId);
  if (one.node !== null) registry.reserve(one.node);
  // The former process may have written it.
  one.writtenAttempt = attempt.number;
  return one;
}
