import { defaultRetryPolicy } from "../../../src/domain/tasks/retry-policy.ts";
import type { Attempt, Task } from "../../../src/domain/tasks/task.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import type { Decision } from "../../../src/protocol/decision.ts";
import type { NodeId } from "../../../src/protocol/ids.ts";

/** A fixed moment: the store takes times as they come. */
export const sampleTimeMs = Date.UTC(2026, 10, 22, 16, 0, 0);

/** A decision of the usual size: three candidates, two nodes refused, one inferred need. */
export function createSampleDecision(nodeId: NodeId): Decision {
  const other = (index: number) => `node_${"0".repeat(31)}${index}` as NodeId;
  return {
    decided_at: new Date(sampleTimeMs).toISOString(),
    outcome: "assigned",
    rule: null,
    passed_over: [],
    strategy: "least-busy",
    target: null,
    session: null,
    declared: { gpu: true },
    inferred: [{ need: "gpu", because: "the text says cuda" }],
    candidate_count: 3,
    ranking: [nodeId, other(1), other(2)].map((id, index) => ({
      node_id: id,
      name: `linux-gpu-${index}`,
      score: index / 4,
      why: `${index} of 4 slots taken`,
    })),
    refused: {
      counts: { not_capable: 2 },
      named: [3, 4].map((index) => ({
        node_id: other(index),
        name: `mac-${index}`,
        reason: "not_capable",
        detail: "gpu",
      })),
    },
    unblock: [],
  };
}

export function createSampleAttempt(nodeId: NodeId, parts: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    nodeId,
    nodeName: "linux-gpu",
    state: "offered",
    offeredAtMs: sampleTimeMs,
    startedAtMs: null,
    endedAtMs: null,
    failure: null,
    isLateResult: false,
    ...parts,
  };
}

/** A message that waits in the queue; `parts` and `message` change what a test cares about. */
export function createSampleTask(
  parts: Partial<Omit<Task, "message">> = {},
  message: Partial<Task["message"]> = {},
): Task {
  return {
    message: {
      id: systemIds.task(),
      subject: "token_admin",
      content: "Please train a model with cuda on the new data set and tell me how it went.",
      source: "cli",
      session: null,
      requires: {},
      labels: {},
      target: null,
      effects: "unsafe",
      infer: true,
      timeoutMs: 600_000,
      createdAtMs: sampleTimeMs,
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
      ...message,
    },
    state: "queued",
    cancelRequestedAtMs: null,
    endedAtMs: null,
    nodeId: null,
    response: null,
    failure: null,
    decision: null,
    attempts: [],
    retriedAs: null,
    discardedAtMs: null,
    ...parts,
  };
}

/** A message on its way: decided, with its first attempt offered. */
export function createSampleRunningTask(nodeId: NodeId, message: Partial<Task["message"]> = {}): Task {
  return createSampleTask(
    {
      state: "running",
      nodeId,
      decision: createSampleDecision(nodeId),
      attempts: [createSampleAttempt(nodeId)],
    },
    message,
  );
}
