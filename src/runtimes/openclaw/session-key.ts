import { fromAttemptKey } from "../../protocol/ids.ts";
import type { RuntimeAttempt } from "../runtime.ts";

/** Every session of ours begins with it, so that the user's own conversations cannot be met by accident. */
const prefix = "claw-mesh:";
const taskPrefix = `${prefix}task:`;

/**
 * The OpenClaw session that an attempt belongs to: one per conversation, or one per task, whatever the attempt's
 * number, so that a task that was interrupted here is found again. OpenClaw puts `agent:<agent id>:` before it and
 * lower-cases it; ours is lower-case already.
 */
export function toSessionKey(attempt: Pick<RuntimeAttempt, "key" | "session">): string {
  if (attempt.session !== null) return `${prefix}${attempt.session.key}`;
  return `${taskPrefix}${fromAttemptKey(attempt.key)?.task ?? attempt.key}`;
}

/** Whether a full session key, as OpenClaw lists it, is the session of one task of ours, free to reset and delete. */
export function isTaskSession(fullKey: string): boolean {
  return /^agent:[^:]+:claw-mesh:task:./.test(fullKey);
}

/** What finds our task sessions in a session list. */
export const taskSessionSearch = taskPrefix;
