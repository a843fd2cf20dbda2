import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Decision } from "../../protocol/decision.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { Effects } from "../../protocol/message.ts";
import { defaultRetryPolicy, retryDelayMs } from "./retry-policy.ts";
import type { Task } from "./task.ts";
import {
  applyChange,
  countedAttempts,
  currentAttempt,
  isTerminal,
  type NextStep,
  nextTaskState,
  type TaskEvent,
} from "./task-machine.ts";

const nodeA = "node_0000000000000000000000000000000a" as NodeId;
const nodeB = "node_0000000000000000000000000000000b" as NodeId;
const decision = {} as Decision;
const context = { nowMs: 1000, random: 0.5 };

function queued(effects: Effects = "unsafe"): Task {
  return {
    message: {
      id: "task_00000000000000000000000000000001" as TaskId,
      subject: "admin",
      content: "hello",
      source: "test",
      session: null,
      requires: {},
      labels: {},
      target: null,
      effects,
      infer: true,
      timeoutMs: 600_000,
      createdAtMs: 0,
      isSynchronous: true,
      priority: 5,
      notBeforeMs: null,
      expiresAtMs: null,
      retry: defaultRetryPolicy,
      retryOf: null,
      idempotencyKey: null,
      bodyHash: null,
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
  };
}

const offered: TaskEvent = { kind: "offered", nodeId: nodeA, nodeName: "a", decision };
const overloaded: Failure = { class: "runtime_error", kind: "overloaded", message: "busy" };

/** Runs events one after the other; @returns the task and the last step's next. */
function run(task: Task, ...events: readonly TaskEvent[]): { task: Task; next: NextStep } {
  let current = task;
  let next: NextStep = { kind: "none" };
  for (const event of events) {
    const step = nextTaskState(current, event, context);
    if (step.change !== null) current = applyChange(current, step.change);
    next = step.next;
  }
  return { task: current, next };
}

describe("the life of a task", () => {
  test("goes from queued over offered and started to succeeded", () => {
    const { task } = run(
      queued(),
      offered,
      { kind: "started", attempt: 1 },
      { kind: "succeeded", attempt: 1, text: "hi" },
    );
    expect(task.state).toBe("succeeded");
    expect(task.response).toBe("hi");
    expect(task.nodeId).toBe(nodeA);
    expect(task.attempts).toMatchObject([
      { number: 1, state: "finished", startedAtMs: 1000, endedAtMs: 1000 },
    ]);
  });

  test("a result before the started report counts all the same", () => {
    expect(run(queued(), offered, { kind: "succeeded", attempt: 1, text: "hi" }).task.state).toBe(
      "succeeded",
    );
  });

  test("a second offer while an attempt is open changes nothing", () => {
    expect(nextTaskState(run(queued(), offered).task, offered, context).change).toBeNull();
  });

  test("a refused attempt goes to the next candidate at once and does not count", () => {
    const { task, next } = run(queued(), offered, { kind: "refused", attempt: 1, message: "full" });
    expect(task.state).toBe("queued");
    expect(next).toEqual({ kind: "route", afterMs: 0, avoid: null });
    expect(countedAttempts(task)).toBe(0);
  });

  test("an attempt that surely never started moves even when its effects are unsafe", () => {
    const lost: TaskEvent = { kind: "lost", attempt: 1, started: false, fenced: true, reason: "closed" };
    const { task, next } = run(queued("unsafe"), offered, lost);
    expect(task.state).toBe("queued");
    expect(next).toEqual({ kind: "route", afterMs: 0, avoid: nodeA });
    expect(countedAttempts(task)).toBe(0);
  });

  test("a lost link is waited for half a second when safe, thirty when unsafe", () => {
    const lost: TaskEvent = { kind: "link_lost", attempt: 1 };
    expect(run(queued("safe"), offered, lost).next).toEqual({ kind: "await_report", attempt: 1, forMs: 500 });
    expect(run(queued("unsafe"), offered, lost).next).toEqual({
      kind: "await_report",
      attempt: 1,
      forMs: 30_000,
    });
  });

  test("when the grace ends a safe task moves and an unsafe one ends with its outcome unknown", () => {
    const ended: TaskEvent = { kind: "grace_ended", attempt: 1 };
    const safe = run(queued("safe"), offered, ended);
    expect(safe.task.state).toBe("queued");
    expect(safe.next).toEqual({ kind: "route", afterMs: 0, avoid: nodeA });
    const unsafe = run(queued("unsafe"), offered, ended).task;
    expect(unsafe.state).toBe("failed");
    expect(unsafe.failure?.class).toBe("outcome_unknown");
    expect(unsafe.attempts[0]?.failure?.class).toBe("lost_after_start");
  });

  test("an unsafe task that was fenced after it started does not run again: what it did stays unknown", () => {
    const lost: TaskEvent = { kind: "lost", attempt: 1, started: true, fenced: true, reason: "restarted" };
    expect(run(queued("unsafe"), offered, lost).task.failure?.class).toBe("outcome_unknown");
    expect(run(queued("safe"), offered, lost).next).toEqual({ kind: "route", afterMs: 0, avoid: nodeA });
  });

  test("a safe task stops moving after three counted attempts", () => {
    let task = queued("safe");
    for (let attempt = 1; attempt <= defaultRetryPolicy.maxAttempts; attempt += 1) {
      task = run(task, offered, { kind: "grace_ended", attempt }).task;
    }
    expect(task.state).toBe("failed");
    expect(task.attempts).toHaveLength(defaultRetryPolicy.maxAttempts);
  });

  test.each([
    ["overloaded and safe", "safe", overloaded, true],
    ["overloaded and unsafe", "unsafe", overloaded, false],
    ["overloaded, unsafe, nothing done", "unsafe", { ...overloaded, nothing_done: true }, true],
    ["internal and safe", "safe", { ...overloaded, kind: "internal" }, true],
    ["auth", "safe", { ...overloaded, kind: "auth", nothing_done: true }, false],
    ["quota", "safe", { ...overloaded, kind: "quota" }, false],
    ["bad request", "safe", { ...overloaded, kind: "bad_request" }, false],
    ["too large", "safe", { class: "too_large", message: "big" }, false],
    ["timeout", "safe", { class: "timeout", message: "late" }, false],
  ] as const)("a failure that is %s is tried again: %#", (_name, effects, failure, isAgain) => {
    const { task, next } = run(queued(effects), offered, { kind: "failed", attempt: 1, failure });
    expect(task.state).toBe(isAgain ? "queued" : "failed");
    expect(next.kind).toBe(isAgain ? "route" : "none");
    if (next.kind === "route")
      expect(next).toMatchObject({ avoid: nodeA, afterMs: retryDelayMs(defaultRetryPolicy, 1, 0.5) });
    if (!isAgain) expect(task.failure).toEqual(failure);
  });

  test("a report about another attempt is late and never becomes the result", () => {
    const moved = run(
      queued("safe"),
      offered,
      { kind: "grace_ended", attempt: 1 },
      { ...offered, nodeId: nodeB },
    );
    const step = nextTaskState(moved.task, { kind: "succeeded", attempt: 1, text: "old" }, context);
    expect(step).toEqual({ change: null, next: { kind: "late" } });
  });

  test("the end of the time stops the run and is final", () => {
    const { task, next } = run(queued("safe"), offered, { kind: "timed_out", isNodeAway: false });
    expect(task.failure?.class).toBe("timeout");
    expect(next).toEqual({ kind: "stop", attempt: 1, reason: "timeout", confirmMs: null });
    expect(run(queued(), { kind: "timed_out", isNodeAway: false }).task.failure?.class).toBe("timeout");
  });

  test("when the time ends while the node is away, what the run did is not known", () => {
    const { task, next } = run(queued(), offered, { kind: "timed_out", isNodeAway: true });
    expect(task.failure?.class).toBe("outcome_unknown");
    expect(next).toEqual({ kind: "stop", attempt: 1, reason: "timeout", confirmMs: null });
  });

  test("a message that no node fits ends with that reason", () => {
    const failure: Failure = { class: "unroutable", message: "It needs os=darwin." };
    expect(run(queued(), { kind: "unroutable", failure, decision }).task).toMatchObject({
      state: "failed",
      failure,
    });
  });
});

describe("cancelling", () => {
  const cancel: TaskEvent = { kind: "cancel_requested" };

  test("a queued task ends at once", () => {
    expect(run(queued(), cancel).task.state).toBe("cancelled");
  });

  test("a running task is stopped on its node, which has ten seconds to confirm", () => {
    const asked = run(queued(), offered, cancel);
    expect(asked.task.state).toBe("running");
    expect(asked.next).toEqual({ kind: "stop", attempt: 1, reason: "cancelled", confirmMs: 10_000 });
    expect(run(asked.task, { kind: "stopped", attempt: 1 }).task).toMatchObject({
      state: "cancelled",
      failure: null,
    });
    expect(run(asked.task, { kind: "cancel_unconfirmed" }).task).toMatchObject({
      state: "cancelled",
      failure: { class: "outcome_unknown" },
    });
  });

  test("a result that arrives first wins", () => {
    expect(run(queued(), offered, cancel, { kind: "succeeded", attempt: 1, text: "done" }).task.state).toBe(
      "succeeded",
    );
  });

  test.each<TaskEvent>([
    { kind: "refused", attempt: 1, message: "full" },
    { kind: "failed", attempt: 1, failure: overloaded },
    { kind: "failed", attempt: 1, failure: { class: "runtime_error", kind: "auth", message: "no" } },
    { kind: "lost", attempt: 1, started: false, fenced: true, reason: "gone" },
    { kind: "lost", attempt: 1, started: true, fenced: false, reason: "gone" },
  ])("nothing is tried again once a cancel was asked for: %p", (event) => {
    expect(run(queued("safe"), offered, cancel, event).task.state).toBe("cancelled");
  });
});

const anyFailure: fc.Arbitrary<Failure> = fc.record({
  class: fc.constantFrom("refused", "runtime_error", "too_large", "timeout"),
  kind: fc.constantFrom("auth", "quota", "overloaded", "bad_request", "internal"),
  message: fc.string(),
  nothing_done: fc.boolean(),
});
const attempt = fc.integer({ min: 1, max: 6 });
const anyEvent: fc.Arbitrary<TaskEvent> = fc.oneof(
  fc.constantFrom<TaskEvent>(offered, { ...offered, nodeId: nodeB }),
  fc.record({ kind: fc.constant("refused"), attempt, message: fc.string() }),
  fc.record({ kind: fc.constant("started"), attempt }),
  fc.record({ kind: fc.constant("succeeded"), attempt, text: fc.string() }),
  fc.record({ kind: fc.constant("failed"), attempt, failure: anyFailure }),
  fc.record({ kind: fc.constant("link_lost"), attempt }),
  fc.record({
    kind: fc.constant("lost"),
    attempt,
    started: fc.boolean(),
    fenced: fc.boolean(),
    reason: fc.string(),
  }),
  fc.record({ kind: fc.constant("grace_ended"), attempt }),
  fc.record({ kind: fc.constant("stopped"), attempt }),
  fc.constantFrom<TaskEvent>(
    { kind: "cancel_requested" },
    { kind: "cancel_unconfirmed" },
    { kind: "timed_out", isNodeAway: false },
  ),
);

describe("whatever happens, in whatever order", () => {
  const histories = fc.tuple(
    fc.constantFrom<Effects>("safe", "unsafe"),
    fc.array(anyEvent, { maxLength: 30 }),
  );

  test("a terminal task never moves and at most one attempt is open, the newest", () => {
    fc.assert(
      fc.property(histories, ([effects, events]) => {
        let task = queued(effects);
        for (const event of events) {
          const step = nextTaskState(task, event, context);
          if (isTerminal(task.state)) expect(step.change).toBeNull();
          if (step.change !== null) task = applyChange(task, step.change);
          const open = task.attempts.filter((one) => one.state === "offered" || one.state === "started");
          expect(open.length).toBe(task.state === "running" ? 1 : 0);
          expect(open[0] ?? null).toBe(currentAttempt(task));
          expect(task.attempts.map((one) => one.number)).toEqual(task.attempts.map((_, at) => at + 1));
          expect(task.endedAtMs !== null).toBe(isTerminal(task.state));
        }
      }),
    );
  });

  test("an unsafe task never reaches a runtime again after an attempt that may have had effects", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 30 }), (events) => {
        const { task } = run(queued("unsafe"), ...events);
        const mayHaveActed = task.attempts.slice(0, -1).filter((one) => {
          const failure = one.failure;
          return (
            one.state !== "refused" &&
            failure?.class !== "lost_before_start" &&
            failure?.nothing_done !== true
          );
        });
        expect(mayHaveActed).toEqual([]);
      }),
    );
  });

  test("only the newest attempt's report becomes the result", () => {
    fc.assert(
      fc.property(histories, ([effects, events]) => {
        let task = queued(effects);
        for (const event of events) {
          const before = currentAttempt(task)?.number;
          const step = nextTaskState(task, event, context);
          if (step.change?.response !== undefined)
            expect(event).toMatchObject({ kind: "succeeded", attempt: before });
          if (step.change !== null) task = applyChange(task, step.change);
        }
      }),
    );
  });
});

test("retries wait longer each time, never more than thirty seconds, with jitter over the upper half", () => {
  expect([1, 2, 3, 4].map((failed) => retryDelayMs(defaultRetryPolicy, failed, 0))).toEqual([
    250, 500, 1000, 2000,
  ]);
  expect(retryDelayMs(defaultRetryPolicy, 1, 0.999)).toBeLessThanOrEqual(500);
  expect(retryDelayMs(defaultRetryPolicy, 50, 0.999)).toBeLessThanOrEqual(30_000);
});
