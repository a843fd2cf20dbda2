import type { NodeView } from "../../domain/routing/index.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { AttemptNumber } from "../../protocol/ids.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import { type LiveTask, latestTask } from "./live-task.ts";
import { stageOf } from "./offering.ts";
import type { Placement } from "./placement.ts";
import type { TaskTimers } from "./task-timers.ts";
import type { TasksByNode } from "./tasks-by-node.ts";

/**
 * Takes up an attempt that a node has in its journal and the record lost: the task waits still, and the number is the next
 * after those that were on record when this process started. Without effect on any other: what this process has numbered
 * itself is not lost, so that no node can take a task by claiming its next attempt. Nor can one that may not have the message
 * now: whether the former process has offered it nobody knows but the node.
 */
export type Adopt = (one: LiveTask, node: MeshNode, claim: AttemptClaim) => void;

/** What a node says in its hello of an attempt that it has. */
export interface AttemptClaim {
  readonly attempt: AttemptNumber;
  /** Those that the node has, which is not online yet. */
  readonly runtimes: readonly RuntimeStatus[];
}

interface AdoptionOptions {
  readonly placement: Placement;
  readonly byNode: TasksByNode;
  readonly registry: NodeRegistry;
  readonly router: Pick<Router, "mayHave">;
  readonly timers: TaskTimers;
  readonly clock: Clock;
  readonly report: (one: LiveTask, event: TaskEvent) => Promise<boolean>;
}

export function createAdoption(options: AdoptionOptions): Adopt {
  const { placement, byNode, registry, router, timers, clock, report } = options;

  return (one, node, { attempt: number, runtimes }) => {
    const { state, attempts } = latestTask(one);
    if (one.attemptsOnRestart === null || attempts.length > one.attemptsOnRestart) return;
    if (state !== "queued" || number !== (attempts.at(-1)?.number ?? 0) + 1) return;
    const { message } = one.task;
    // Before its time nobody was offered it.
    if (stageOf(message, clock.nowMs()) === "early") return;
    if (!router.mayHave(message, asAvailable(node, runtimes))) return;
    placement.leave(one, true);
    one.forgetTimer();
    byNode.put(one, node.id);
    one.node = node;
    one.wantedRuntime = message.requires.runtime ?? null;
    one.runtime = registry.reserve(node, one.wantedRuntime);
    one.writtenAttempt = number;
    one.times.offeredMs = clock.monotonicMs();
    void report(one, { kind: "found", attempt: number, nodeId: node.id, nodeName: node.name });
    timers.bound(one);
  };
}

/** It took the message, if it did, when it was: what keeps it from new ones since is no matter. */
function asAvailable(node: MeshNode, runtimes: readonly RuntimeStatus[]): NodeView {
  const { weight } = node;
  const now = {
    isOnline: true,
    isReady: true,
    isBreakerOpen: false,
    scheduling: "active",
    runtimes,
  } as const;
  return { ...node, weight, ...now };
}
