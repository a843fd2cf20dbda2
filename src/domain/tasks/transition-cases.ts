import type { Failure } from "../../protocol/failure.ts";
import { defaultRetryPolicy, maxOffers } from "./retry-policy.ts";
import type { Task } from "./task.ts";
import { decision, nodeB, offered, queued } from "./task-fixture.ts";
import type { TaskEvent } from "./task-machine.ts";

/**
 * One case for each row of docs/reference/task-states.md: what a task goes through, and what the last event does to it.
 * `states`, `attempt` and `next` stand in that document word for word.
 */
export interface TransitionCase {
  readonly name: string;
  readonly task: Task;
  /** Before the event that is looked at. */
  readonly history: readonly TaskEvent[];
  readonly event: TaskEvent;
  /** Of the task, before and after; one word where it stays. */
  readonly states: string;
  /** Of the newest attempt, likewise; `–` where there is none. */
  readonly attempt: string;
  /** Kind of the next step. */
  readonly next: string;
  /** Class of the task's failure once it has ended; left out: none. */
  readonly failure?: Failure["class"];
}

const safe = queued({ effects: "safe" });
const unsafe = queued({ effects: "unsafe" });
const once = queued({ effects: "safe", retry: { ...defaultRetryPolicy, maxAttempts: 1 } });
const asynchronous = queued({ isSynchronous: false });

const started: TaskEvent = { kind: "started", attempt: 1 };
const succeeded: TaskEvent = { kind: "succeeded", attempt: 1, text: "done" };
const refusedAs = (attempt: number) => ({ kind: "refused", attempt, message: "full" }) as const;
const refused: TaskEvent = refusedAs(1);
const manyRefusals: readonly TaskEvent[] = Array.from({ length: maxOffers - 1 }, (_, index) => [
  offered,
  refusedAs(index + 1),
]).flat();
const failedAs = (failure: Omit<Failure, "message">): TaskEvent => ({
  kind: "failed",
  attempt: 1,
  failure: { ...failure, message: "no" },
});
const overloaded = failedAs({ class: "runtime_error", kind: "overloaded" });
const badRequest = failedAs({ class: "runtime_error", kind: "bad_request" });
const lost = (hasStarted: boolean): Extract<TaskEvent, { kind: "lost" }> => ({
  kind: "lost",
  attempt: 1,
  started: hasStarted,
  fenced: false,
  reason: "gone",
});
const found = (attempt: number) => ({ ...offered, kind: "found", attempt }) as const;
const linkLost: TaskEvent = { kind: "link_lost", attempt: 1 };
const graceEnded: TaskEvent = { kind: "grace_ended", attempt: 1 };
const stopped: TaskEvent = { kind: "stopped", attempt: 1 };
const cancel: TaskEvent = { kind: "cancel_requested" };
const unconfirmed: TaskEvent = { kind: "cancel_unconfirmed" };
const timedOut = (isNodeAway: boolean): TaskEvent => ({ kind: "timed_out", isNodeAway });
const expired: TaskEvent = { kind: "expired" };
const restored: TaskEvent = { kind: "restored", backupMadeAt: "2026-11-22T16:00:00.000Z" };
const unroutable: TaskEvent = {
  kind: "unroutable",
  failure: { class: "unroutable", message: "It needs os=darwin." },
  decision,
};

type Outcome = Pick<TransitionCase, "states" | "attempt" | "next" | "failure">;
type Given = readonly [task: Task, ...history: TaskEvent[]];

const endsBefore = (states: string, failure?: Failure["class"]): Outcome => ({
  states,
  attempt: "–",
  next: "none",
  ...(failure === undefined ? {} : { failure }),
});
const stays = (states: string, attempt: string, next = "none"): Outcome => ({ states, attempt, next });
const requeued = (attempt: string): Outcome => ({ states: "running → queued", attempt, next: "route" });
const endsAfter = (state: string, attempt: string, failure?: Failure["class"]): Outcome => ({
  states: `running → ${state}`,
  attempt,
  next: "none",
  ...(failure === undefined ? {} : { failure }),
});

function caseOf(name: string, [task, ...history]: Given, event: TaskEvent, outcome: Outcome): TransitionCase {
  return { name, task, history, event, ...outcome };
}

const whileQueued: readonly TransitionCase[] = [
  caseOf("offer", [unsafe], offered, stays("queued → running", "– → offered")),
  caseOf(
    "offer again",
    [unsafe, offered, refused],
    { ...offered, nodeId: nodeB },
    {
      states: "queued → running",
      attempt: "refused → offered",
      next: "none",
    },
  ),
  caseOf("find", [unsafe], found(1), stays("queued → running", "– → offered")),
  caseOf("find another attempt", [unsafe], found(2), stays("queued", "–", "late")),
  caseOf("no node fits", [unsafe], unroutable, endsBefore("queued → failed", "unroutable")),
  caseOf("expire", [unsafe], expired, endsBefore("queued → expired")),
  caseOf("expire between tries", [safe, offered, overloaded], expired, {
    states: "queued → expired",
    attempt: "finished",
    next: "none",
  }),
  caseOf("cancel while queued", [unsafe], cancel, endsBefore("queued → cancelled")),
  caseOf("time over, never offered", [unsafe], timedOut(false), endsBefore("queued → failed", "timeout")),
  caseOf("time over between tries", [safe, offered, overloaded], timedOut(false), {
    states: "queued → failed",
    attempt: "finished",
    next: "none",
    failure: "timeout",
  }),
  caseOf(
    "time over before the first try of a queued task",
    [asynchronous],
    timedOut(false),
    stays("queued", "–"),
  ),
  caseOf(
    "time over after a refusal of a queued task",
    [asynchronous, offered, refused],
    timedOut(false),
    stays("queued", "refused"),
  ),
  caseOf("restore, may run again", [safe], restored, stays("queued", "–")),
  caseOf("restore, may not", [unsafe], restored, endsBefore("queued → failed", "outcome_unknown")),
];

const whileOpen: readonly TransitionCase[] = [
  caseOf("start", [unsafe, offered], started, stays("running", "offered → started")),
  caseOf("start again", [unsafe, offered, started], started, stays("running", "started")),
  caseOf("succeed", [unsafe, offered, started], succeeded, endsAfter("succeeded", "started → finished")),
  caseOf("succeed unannounced", [unsafe, offered], succeeded, endsAfter("succeeded", "offered → finished")),
  caseOf("refuse", [unsafe, offered], refused, requeued("offered → refused")),
  caseOf("refuse once too often", [unsafe, ...manyRefusals, offered], refusedAs(maxOffers), {
    ...endsAfter("failed", "offered → refused", "refused"),
  }),
  caseOf(
    "refuse after start",
    [unsafe, offered, started],
    refused,
    endsAfter("failed", "started → lost", "outcome_unknown"),
  ),
  caseOf(
    "fail as refused",
    [unsafe, offered, started],
    failedAs({ class: "refused" }),
    requeued("started → refused"),
  ),
  caseOf("fail and try again", [safe, offered, started], overloaded, requeued("started → finished")),
  caseOf(
    "fail with nothing done",
    [unsafe, offered, started],
    failedAs({ class: "runtime_error", kind: "overloaded", nothing_done: true }),
    requeued("started → finished"),
  ),
  caseOf(
    "fail, may not try again",
    [unsafe, offered, started],
    overloaded,
    endsAfter("failed", "started → finished", "runtime_error"),
  ),
  caseOf(
    "fail for good",
    [safe, offered, started],
    badRequest,
    endsAfter("failed", "started → finished", "runtime_error"),
  ),
  caseOf(
    "fail, no tries left",
    [once, offered, started],
    overloaded,
    endsAfter("failed", "started → finished", "runtime_error"),
  ),
  caseOf("lose before start", [unsafe, offered], lost(false), requeued("offered → lost")),
  caseOf(
    "lose before start once too often",
    [unsafe, ...manyRefusals, offered],
    { ...lost(false), attempt: maxOffers },
    endsAfter("failed", "offered → lost", "refused"),
  ),
  caseOf(
    "lose before start after start",
    [unsafe, offered, started],
    lost(false),
    endsAfter("failed", "started → lost", "outcome_unknown"),
  ),
  caseOf("find while open", [unsafe, offered], found(1), stays("running", "offered", "late")),
  caseOf("lose after start, may run again", [safe, offered, started], lost(true), requeued("started → lost")),
  caseOf(
    "lose after start, may not",
    [unsafe, offered, started],
    lost(true),
    endsAfter("failed", "started → lost", "outcome_unknown"),
  ),
  caseOf(
    "lose after start, no tries left",
    [once, offered, started],
    lost(true),
    endsAfter("failed", "started → lost", "outcome_unknown"),
  ),
  caseOf("lose the link", [unsafe, offered, started], linkLost, stays("running", "started", "await_report")),
  caseOf("end of grace, may run again", [safe, offered], graceEnded, requeued("offered → lost")),
  caseOf(
    "end of grace, may not",
    [unsafe, offered],
    graceEnded,
    endsAfter("failed", "offered → lost", "outcome_unknown"),
  ),
  caseOf("stopped unasked, may run again", [safe, offered, started], stopped, requeued("started → lost")),
  caseOf(
    "stopped unasked, may not",
    [unsafe, offered, started],
    stopped,
    endsAfter("failed", "started → lost", "outcome_unknown"),
  ),
  caseOf("time over while running", [unsafe, offered, started], timedOut(false), {
    ...endsAfter("failed", "started → finished", "timeout"),
    next: "stop",
  }),
  caseOf("time over while the node is away", [unsafe, offered, started], timedOut(true), {
    ...endsAfter("failed", "started → finished", "outcome_unknown"),
    next: "stop",
  }),
  caseOf("restore while open, may run again", [safe, offered], restored, stays("running", "offered")),
  caseOf("restore while open, may not", [unsafe, offered], restored, {
    ...endsAfter("failed", "offered → lost", "outcome_unknown"),
  }),
  caseOf("offer while open", [unsafe, offered], offered, stays("running", "offered")),
  caseOf("no node fits while open", [unsafe, offered], unroutable, stays("running", "offered")),
  caseOf("expire while open", [unsafe, offered], expired, stays("running", "offered")),
  caseOf("cancel not confirmed, none asked for", [unsafe, offered], unconfirmed, stays("running", "offered")),
];

const whileCancelling: readonly TransitionCase[] = [
  caseOf("cancel", [unsafe, offered, started], cancel, stays("running", "started", "stop")),
  caseOf("cancel again", [unsafe, offered, cancel], cancel, stays("running", "offered")),
  caseOf(
    "cancel confirmed",
    [unsafe, offered, started, cancel],
    stopped,
    endsAfter("cancelled", "started → finished"),
  ),
  caseOf(
    "cancel not confirmed",
    [unsafe, offered, cancel],
    unconfirmed,
    endsAfter("cancelled", "offered → finished", "outcome_unknown"),
  ),
  caseOf("start after cancel", [unsafe, offered, cancel], started, stays("running", "offered → started")),
  caseOf(
    "succeed after cancel",
    [unsafe, offered, cancel],
    succeeded,
    endsAfter("succeeded", "offered → finished"),
  ),
  caseOf(
    "refuse after cancel",
    [unsafe, offered, cancel],
    refused,
    endsAfter("cancelled", "offered → refused"),
  ),
  caseOf(
    "fail after cancel",
    [safe, offered, cancel],
    overloaded,
    endsAfter("cancelled", "offered → finished"),
  ),
  caseOf(
    "lose before start after cancel",
    [unsafe, offered, cancel],
    lost(false),
    endsAfter("cancelled", "offered → lost"),
  ),
  caseOf(
    "lose after start after cancel",
    [safe, offered, started, cancel],
    lost(true),
    endsAfter("cancelled", "started → lost", "outcome_unknown"),
  ),
  caseOf("lose the link after cancel", [unsafe, offered, cancel], linkLost, stays("running", "offered")),
  caseOf(
    "time over after cancel",
    [unsafe, offered, cancel],
    timedOut(false),
    endsAfter("cancelled", "offered → finished", "outcome_unknown"),
  ),
];

const tooLate: readonly TransitionCase[] = [
  caseOf(
    "report of another attempt",
    [safe, offered, graceEnded, { ...offered, nodeId: nodeB }],
    succeeded,
    stays("running", "offered", "late"),
  ),
  caseOf("report between tries", [safe, offered, graceEnded], succeeded, stays("queued", "lost", "late")),
  caseOf("report after the end", [unsafe, offered, timedOut(false)], succeeded, {
    ...stays("failed", "finished", "late"),
    failure: "timeout",
  }),
  caseOf("cancel after the end", [unsafe, offered, succeeded], cancel, stays("succeeded", "finished")),
  caseOf("offer after the end", [unsafe, cancel], offered, stays("cancelled", "–")),
];

export const transitionCases: readonly TransitionCase[] = [
  ...whileQueued,
  ...whileOpen,
  ...whileCancelling,
  ...tooLate,
];
