import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Failure } from "../../protocol/failure.ts";
import { RetryCause } from "../../protocol/message.ts";
import { countedAttempts, defaultRetryPolicy, type RetryPolicy, retryDelayMs } from "./retry-policy.ts";
import type { Task } from "./task.ts";
import { decision, nodeA, nodeB, offered, queued as queuedWith, run } from "./task-fixture.ts";
import { applyChange, currentAttempt, isTerminal, nextTaskState, type TaskEvent } from "./task-machine.ts";

const context = { nowMs: 1000, random: 0.5 };
const queued = (effects: "safe" | "unsafe" = "unsafe"): Task => queuedWith({ effects });
const overloaded: Failure = { class: "runtime_error", kind: "overloaded", message: "busy" };

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

describe("a task that ends between tries", () => {
  test("by its time says how often it was tried and what came of it", () => {
    const { task } = run(
      queued("safe"),
      offered,
      { kind: "failed", attempt: 1, failure: overloaded },
      { kind: "timed_out", isNodeAway: false },
    );
    expect(task.failure).toEqual({
      class: "timeout",
      message: "No node answered within the message's 600 s, after 1 try. busy",
    });
  });

  test("by its time without any try says that no node took it", () => {
    const { task } = run(queued(), { kind: "timed_out", isNodeAway: false });
    expect(task.failure?.message).toBe("No node took the message within its 600 s.");
  });

  test("by expires_at keeps what its attempts failed of", () => {
    const { task } = run(
      queued("safe"),
      offered,
      { kind: "failed", attempt: 1, failure: overloaded },
      { kind: "expired" },
    );
    expect(task).toMatchObject({ state: "expired", failure: null, attempts: [{ failure: overloaded }] });
  });
});

test("a failure that the retry policy names besides the defaults is tried again", () => {
  const retry = { ...defaultRetryPolicy, on: new Set<RetryCause>(["quota", "auth"]) };
  const fail = (kind: "quota" | "internal"): TaskEvent => ({
    kind: "failed",
    attempt: 1,
    failure: { class: "runtime_error", kind, message: "no" },
  });
  const task = queuedWith({ effects: "safe", retry });
  expect(run(task, offered, fail("quota")).task.state).toBe("queued");
  expect(run(task, offered, fail("internal")).task.state).toBe("failed");
});

const anyFailure: fc.Arbitrary<Failure> = fc.record({
  class: fc.constantFrom("refused", "runtime_error", "too_large", "timeout"),
  kind: fc.constantFrom("auth", "quota", "overloaded", "bad_request", "internal"),
  message: fc.string(),
  nothing_done: fc.boolean(),
});
const attempt = fc.integer({ min: 1, max: 6 });
const anyEvent: fc.Arbitrary<TaskEvent> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<TaskEvent>(offered, { ...offered, nodeId: nodeB }) },
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
    { kind: "timed_out", isNodeAway: true },
    { kind: "expired" },
    { kind: "unroutable", failure: { class: "unroutable", message: "It needs os=darwin." }, decision },
  ),
);

const anyRetry: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 5 }),
  baseDelayMs: fc.integer({ min: 50, max: 5000 }),
  maxDelayMs: fc.integer({ min: 5000, max: 60_000 }),
  on: fc.subarray(RetryCause.options).map((causes) => new Set(causes)),
});
const anyTask: fc.Arbitrary<Task> = fc
  .record({
    effects: fc.constantFrom("safe", "unsafe"),
    isSynchronous: fc.boolean(),
    retry: anyRetry,
  })
  .map(queuedWith);

/** What happens, and the clock on the wall then, which may have been set back. */
const anyHistory = fc.tuple(
  anyTask,
  fc.array(fc.record({ event: anyEvent, nowMs: fc.nat(10_000), random: fc.double({ min: 0, max: 0.999 }) }), {
    maxLength: 40,
  }),
);

/** Checks what has to hold after every event of any history. */
function assertAlways(
  check: (before: Task, event: TaskEvent, step: ReturnType<typeof nextTaskState>, after: Task) => void,
): void {
  fc.assert(
    fc.property(anyHistory, ([first, history]) => {
      let task = first;
      for (const { event, ...when } of history) {
        const step = nextTaskState(task, event, when);
        const after = step.change === null ? task : applyChange(task, step.change);
        check(task, event, step, after);
        task = after;
      }
    }),
    { numRuns: 500 },
  );
}

describe("whatever happens, in whatever order, whatever the clock says", () => {
  test("a terminal task never moves", () => {
    assertAlways((before, _event, step) => {
      if (isTerminal(before.state)) expect(step.change).toBeNull();
    });
  });

  test("at most one attempt is current, the newest", () => {
    assertAlways((_before, _event, _step, after) => {
      const open = after.attempts.filter((one) => one.state === "offered" || one.state === "started");
      expect(open.length).toBe(after.state === "running" ? 1 : 0);
      expect(open[0] ?? null).toBe(currentAttempt(after));
      expect(after.attempts.map((one) => one.number)).toEqual(after.attempts.map((_, at) => at + 1));
    });
  });

  test("a report for another attempt number never becomes the result", () => {
    assertAlways((before, event, step) => {
      const current = currentAttempt(before);
      if ("attempt" in event && event.attempt !== current?.number) expect(step.change).toBeNull();
      if (step.change?.response !== undefined) {
        expect(event).toMatchObject({ kind: "succeeded", attempt: current?.number });
      }
    });
  });

  test("every accepted task is terminal or visible with a reason", () => {
    assertAlways((_before, event, step, after) => {
      expect(after.endedAtMs !== null).toBe(isTerminal(after.state));
      if (after.state === "failed") expect(after.failure).not.toBeNull();
      if (after.state === "succeeded") expect(after.response).not.toBeNull();
      // One that goes back to the queue is told when it is routed again; none is left without a next step.
      if (step.change?.state === "queued") expect(step.next.kind).toBe("route");
      if (step.change?.cancelRequestedAtMs !== undefined) expect(step.next.kind).toBe("stop");
      // Whatever an open attempt loses, somebody waits for something.
      if (event.kind === "link_lost" && step.next.kind === "none" && !isTerminal(after.state))
        expect(after.cancelRequestedAtMs).not.toBeNull();
    });
  });

  test("an unsafe task never reaches a runtime again after an attempt that may have had effects", () => {
    assertAlways((before, _event, step, after) => {
      if (before.message.effects !== "unsafe" || after.attempts.length === before.attempts.length) return;
      expect(step.change?.state).toBe("running");
      const mayHaveActed = before.attempts.filter(
        ({ state, failure }) =>
          state !== "refused" && failure?.class !== "lost_before_start" && failure?.nothing_done !== true,
      );
      expect(mayHaveActed).toEqual([]);
    });
  });

  test("counted attempts never exceed the most that the task may have", () => {
    assertAlways((_before, _event, _step, after) => {
      expect(countedAttempts(after)).toBeLessThanOrEqual(after.message.retry.maxAttempts);
    });
  });

  test("a refusal counts for nothing only while the node has not said that it started", () => {
    assertAlways((before, event, _step, after) => {
      if (event.kind !== "refused" || currentAttempt(before)?.state !== "started") return;
      expect(after.attempts.at(-1)?.state).not.toBe("refused");
    });
  });
});
