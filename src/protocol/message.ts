import { z } from "zod";
import { Requirements } from "./capability.ts";
import { Moment } from "./iso-time.ts";
import { MessageLabels } from "./rule.ts";
import { Text } from "./text.ts";

/** Attempts of one task that may reach a runtime; refusals and attempts that surely never started do not count. */
export const defaultMaxAttempts = 3;

/** 0 is the least urgent, 9 the most. */
export const defaultPriority = 5;
export const Priority = z.int().min(0).max(9);

/**
 * What may be tried again: a lost attempt, or a runtime's failure by its kind. Whatever is listed, a message of `unsafe`
 * effects is tried again only when it is certain that nothing was done.
 */
export const RetryCause = z.enum(["lost_after_start", "overloaded", "internal", "quota", "auth"]);
export type RetryCause = z.infer<typeof RetryCause>;

/** When and how often a message is tried again; what is left out has its default. */
export const RetryInput = z.strictObject({
  max_attempts: z.int().min(1).max(20).optional(),
  /** Seconds before the second attempt, at most; it doubles with every further one. */
  base_delay_s: z.number().min(0.05).max(3600).optional(),
  /** Seconds; the pause grows no longer than this. */
  max_delay_s: z
    .number()
    .min(0.05)
    .max(24 * 3600)
    .optional(),
  on: z.array(RetryCause).max(RetryCause.options.length).optional(),
});
export type RetryInput = z.infer<typeof RetryInput>;

/** `safe`: the message may be run again without harm; `unsafe`: it may not, without being asked. */
export const Effects = z.enum(["safe", "unsafe"]);
export type Effects = z.infer<typeof Effects>;

/**
 * Seconds. Of a message whose sender waits it bounds everything, from acceptance to answer; of a queued task everything
 * from the first offer on that a node takes: how long that may take to come is `expires_at`'s to say.
 */
export const defaultTimeoutS = 600;

/** Characters (UTF-16 code units); the body limit of 1 MiB usually bites first. */
export const maxContentLength = 1024 * 1024;

/** What a client asks, as `POST /route` takes it. */
export const MessageInput = z.strictObject({
  content: Text.min(1, "must not be empty").max(maxContentLength),
  /** Who asks: `cli`, `telegram:12345` … */
  source: Text.min(1).max(256).default("api"),
  /** A conversation; its messages stay on one node while that node can serve. */
  session: Text.min(1).max(256).optional(),
  requires: Requirements.optional(),
  labels: MessageLabels.optional(),
  timeout_s: z
    .number()
    .positive()
    .max(7 * 24 * 3600)
    .optional(),
  effects: Effects.optional(),
  priority: Priority.optional(),
  retry: RetryInput.optional(),
  /** false switches off the requirements inferred from the text. */
  infer: z.boolean().optional(),
  /** The text is another owner's. A token that is untrusted says so by itself; nothing takes the label away. */
  untrusted: z.literal(true).optional(),
});
export type MessageInput = z.infer<typeof MessageInput>;

/** What `POST /tasks` takes: the message is kept until a node that fits can take it, and nobody has to wait. */
export const TaskInput = MessageInput.extend({
  /** Node (id or name) or group. */
  target: Text.min(1).max(80).optional(),
  /** It is not offered to a node before this moment, which is at most a year away, ahead or past. */
  not_before: Moment.optional(),
  /** If no node has taken it by then it ends `expired`; a run that has begun goes on. At most ten years ahead. */
  expires_at: Moment.optional(),
});
export type TaskInput = z.infer<typeof TaskInput>;

/** What may be changed of an ended task when it is run again; null takes a value away. */
export const RetryEdit = z.strictObject({
  content: MessageInput.shape.content.optional(),
  target: Text.min(1).max(80).nullish(),
  requires: Requirements.optional(),
  labels: MessageLabels.optional(),
  session: Text.min(1).max(256).nullish(),
  timeout_s: MessageInput.shape.timeout_s,
  effects: Effects.optional(),
  priority: Priority.optional(),
  retry: RetryInput.optional(),
  not_before: Moment.optional(),
  expires_at: Moment.optional(),
});
export type RetryEdit = z.infer<typeof RetryEdit>;
