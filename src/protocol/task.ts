import { z } from "zod";
import { Requirements } from "./capability.ts";
import { Failure } from "./failure.ts";
import { AttemptNumber, NodeId, TaskId } from "./ids.ts";
import { Effects } from "./message.ts";
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
});
export type AttemptInfo = z.infer<typeof AttemptInfo>;

/** A task as the API shows it. */
export const TaskInfo = z.object({
  id: TaskId,
  state: TaskState,
  content: z.string(),
  source: z.string(),
  session: z.string().nullable(),
  requires: Requirements,
  labels: Labels,
  target: z.string().nullable(),
  effects: Effects,
  timeout_s: z.number(),
  created_at: z.iso.datetime(),
  ended_at: z.iso.datetime().nullable(),
  cancel_requested: z.boolean(),
  node_id: NodeId.nullable(),
  response: z.string().nullable(),
  failure: Failure.nullable(),
  attempts: z.array(AttemptInfo),
});
export type TaskInfo = z.infer<typeof TaskInfo>;
