import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AttemptNumber } from "../../protocol/ids.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import { type LiveTask, latestTask } from "./live-task.ts";
import type { Placement } from "./placement.ts";
import type { TaskTimers } from "./task-timers.ts";
import type { TasksByNode } from "./tasks-by-node.ts";

/**
 * Takes up an attempt that a node has in its journal and the record lost: the task waits still, and the number is the next
 * after those that were on record when this process started. Without effect on any other: what this process has numbered
 * itself is not lost, so that no node can take a task by claiming its next attempt.
 */
export type Adopt = (one: LiveTask, node: MeshNode, number: AttemptNumber) => void;

interface AdoptionOptions {
  readonly placement: Placement;
  readonly byNode: TasksByNode;
  readonly registry: NodeRegistry;
  readonly timers: TaskTimers;
  readonly clock: Clock;
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
}

export function createAdoption(options: AdoptionOptions): Adopt {
  const { placement, byNode, registry, timers, clock, report } = options;

  return (one, node, number) => {
    const { state, attempts } = latestTask(one);
    if (one.attemptsOnRestart === null || attempts.length > one.attemptsOnRestart) return;
    if (state !== "queued" || number !== (attempts.at(-1)?.number ?? 0) + 1) return;
    placement.leave(one, true);
    one.forgetTimer();
    byNode.put(one, node.id);
    one.node = node;
    registry.reserve(node);
    one.writtenAttempt = number;
    one.times.offeredMs = clock.monotonicMs();
    void report(one, { kind: "found", attempt: number, nodeId: node.id, nodeName: node.name });
    timers.bound(one);
  };
}
