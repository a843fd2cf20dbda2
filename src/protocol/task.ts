import { z } from "zod";
import { Requirements, RuntimeKind } from "./capability.ts";
import { Failure, FailureClass, RuntimeErrorKind } from "./failure.ts";
import { AttemptNumber, NodeId, TaskId } from "./ids.ts";
import { Moment } from "./iso-time.ts";
import { Effects, Priority, RetryCause } from "./message.ts";
import { Labels } from "./rule.ts";

export const TaskState = z.enum(["queued", "running", "succeeded", "failed", "cancelled", "expired"]);
export type TaskState = z.infer<typeof TaskState>;

export const AttemptState = z.enum(["offered", "started", "finished", "lost", "refused"]);
export type AttemptState = z.infer<typeof AttemptState>;

/** The largest answer, in bytes of UTF-8; a longer one fails as `too_large`. */
export const maxAnswerBytes = 8 * 1024 * 1024;

/** Characters of the current text that the coordinator keeps for joiners and slow readers. */
export const maxSnapshotLength = 1024 * 1024;

export const AttemptInfo = z.object({
  attempt: AttemptNumber,
  node_id: NodeId,
  node_name: z.string(),
  state: AttemptState,
  offered_at: z.iso.datetime(),
  started_at: z.iso.datetime().nullable(),
  ended_at: z.iso.datetime().nullable(),
  failure: Failure.nullable(),
  /** A report that came after the task had moved on; kept for the record, never the result. */
  late_result: z.boolean(),
  /** Which of the node's runtimes had it; null while that is not known, and from an older node or coordinator. */
  runtime: RuntimeKind.nullable().default(null),
});
export type AttemptInfo = z.infer<typeof AttemptInfo>;

/** When and how often a task is tried again, every value settled. */
export const RetryInfo = z.object({
  max_attempts: z.int(),
  base_delay_s: z.number(),
  max_delay_s: z.number(),
  on: z.array(RetryCause),
});
export type RetryInfo = z.infer<typeof RetryInfo>;

/** One line of a task's history. */
export const TimelineEntry = z.object({
  at: z.iso.datetime(),
  what: z.enum([
    "accepted",
    "offered",
    "started",
    "refused",
    "lost",
    "attempt_failed",
    "late_result",
    "cancel_requested",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "discarded",
  ]),
  attempt: AttemptNumber.optional(),
  node_name: z.string().optional(),
  /** One sentence; of a failure its message. */
  detail: z.string().optional(),
});
export type TimelineEntry = z.infer<typeof TimelineEntry>;

/** UTF-16 code units of the content that a list shows. */
export const contentPreviewLength = 200;

/** A task as a list shows it: everything small. */
export const TaskSummary = z.object({
  id: TaskId,
  state: TaskState,
  /** The beginning of the content, at most {@link contentPreviewLength} long. */
  content_preview: z.string(),
  /** Id of the token that sent it, or `admin`; null: the caller may see its own tasks only. */
  subject: z.string().nullable().default(null),
  source: z.string(),
  session: z.string().nullable(),
  labels: Labels,
  target: z.string().nullable(),
  effects: Effects,
  priority: Priority,
  /** Its sender waited for the answer: it is not kept when no node fits. */
  synchronous: z.boolean(),
  /** It carries the untrusted label: the text is another owner's. */
  untrusted: z.boolean().default(false),
  created_at: z.iso.datetime(),
  not_before: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime().nullable(),
  ended_at: z.iso.datetime().nullable(),
  cancel_requested: z.boolean(),
  /** Node of the current or last attempt. */
  node_id: NodeId.nullable(),
  node_name: z.string().nullable(),
  attempt_count: z.int(),
  failure: Failure.nullable(),
  /** What a queued task waits for, in words; null when it waits for nothing. */
  waiting_for: z.string().nullable(),
  /** The task this one runs again. */
  retry_of: TaskId.nullable(),
  /** The task that runs this one again; a failed one is then no dead letter any more. */
  retried_as: TaskId.nullable(),
  discarded_at: z.iso.datetime().nullable(),
});
export type TaskSummary = z.infer<typeof TaskSummary>;

/** A task as the API shows it. */
export const TaskInfo = TaskSummary.omit({ content_preview: true }).extend({
  content: z.string(),
  requires: Requirements,
  /** Where it was sent from; null: the coordinator's own machine, or the caller may see its own tasks only. */
  from_address: z.string().nullable().default(null),
  timeout_s: z.number(),
  retry: RetryInfo,
  response: z.string().nullable(),
  attempts: z.array(AttemptInfo),
  /** Oldest first. */
  timeline: z.array(TimelineEntry),
});
export type TaskInfo = z.infer<typeof TaskInfo>;

/** Tasks on one page, and with one bulk call, at most. */
export const maxTaskPage = 500;
export const maxBulkTasks = 1000;

const listOf = (options: readonly string[]) =>
  z.string().regex(new RegExp(`^(${options.join("|")})(,(${options.join("|")}))*$`), {
    message: `must be one or more of ${options.join(", ")}, joined by commas`,
  });

/** Which tasks; all that is given has to hold. As a query and as the `filter` of bulk calls. */
export const TaskFilter = z.strictObject({
  /** States, joined by commas. */
  state: listOf(TaskState.options).optional(),
  /** Id or name of the node of the current or last attempt. */
  node: z.string().min(1).max(80).optional(),
  /** The node is a member of this group, or the sender named it. */
  group: z.string().min(1).max(80).optional(),
  /** Exact, or the beginning and `*`. */
  source: z.string().min(1).max(256).optional(),
  /** Id or name of the token that sent it, or `admin`; of those with one name the newest that is good, else the newest. */
  subject: z.string().min(1).max(80).optional(),
  session: z.string().min(1).max(256).optional(),
  /** `key=value`; several joined by commas have to hold all. */
  label: z.string().min(3).max(1024).optional(),
  /** Failure classes, joined by commas; a kind of `runtime_error` stands for the failures of that kind. */
  class: listOf([...FailureClass.options, ...RuntimeErrorKind.options]).optional(),
  /** Accepted at or after this moment. */
  since: Moment.optional(),
  /** Accepted before this moment. */
  until: Moment.optional(),
  /** `true`: failed tasks that were neither run again nor discarded. */
  dead_letter: z.enum(["true", "false"]).optional(),
});
export type TaskFilter = z.infer<typeof TaskFilter>;

/** A page of tasks, newest first. It may be short although more follow: `next_cursor` says whether any do. */
export const TaskPage = z.object({
  tasks: z.array(TaskSummary),
  next_cursor: z.string().nullable(),
});
export type TaskPage = z.infer<typeof TaskPage>;
