import { z } from "zod";

/**
 * Ids are branded strings with a prefix and 32 hexadecimal digits (a UUIDv7 without dashes), so that they sort
 * by creation time and passing one kind for another does not compile. `platform/ids.ts` makes them.
 */
const prefixed = (prefix: string) =>
  z.string().regex(new RegExp(`^${prefix}_[0-9a-f]{32}$`), `must be ${prefix}_ followed by 32 hex digits`);

export const MeshId = prefixed("mesh").brand<"MeshId">();
export type MeshId = z.infer<typeof MeshId>;

export const NodeId = prefixed("node").brand<"NodeId">();
export type NodeId = z.infer<typeof NodeId>;

/** On the wire a task id is also the `message_id`. */
export const TaskId = prefixed("task").brand<"TaskId">();
export type TaskId = z.infer<typeof TaskId>;

export const RuleId = prefixed("rule").brand<"RuleId">();
export type RuleId = z.infer<typeof RuleId>;

export const InviteId = prefixed("invite").brand<"InviteId">();
export type InviteId = z.infer<typeof InviteId>;

export const TokenId = prefixed("token").brand<"TokenId">();
export type TokenId = z.infer<typeof TokenId>;

/** Counts the tries of one task from 1; the number is the fence between them. */
export const AttemptNumber = z.int().min(1).max(1000);
export type AttemptNumber = z.infer<typeof AttemptNumber>;

/** `<task id>.<attempt number>`: the only name of a run that a runtime ever sees. */
export type AttemptKey = string & { readonly __brand: "AttemptKey" };

export function toAttemptKey(task: TaskId, attempt: AttemptNumber): AttemptKey {
  return `${task}.${attempt}` as AttemptKey;
}

/** Inverse of {@link toAttemptKey}; null when the text is not an attempt key. */
export function fromAttemptKey(key: string): { task: TaskId; attempt: AttemptNumber } | null {
  const dot = key.lastIndexOf(".");
  const task = TaskId.safeParse(key.slice(0, dot));
  const attempt = AttemptNumber.safeParse(Number(key.slice(dot + 1)));
  return dot > 0 && task.success && attempt.success ? { task: task.data, attempt: attempt.data } : null;
}

/** One run of a node agent process; a new process is a new instance. */
export const Instance = z.string().regex(/^[0-9a-f]{32}$/);
export type Instance = z.infer<typeof Instance>;
