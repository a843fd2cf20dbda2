import type { RuntimeAttempt } from "../runtime.ts";

/** Every session of ours begins with it, so that the user's own conversations cannot be met by accident. */
const prefix = "claw-mesh-";

/**
 * The ZeroClaw session that an attempt belongs to: that of its conversation, or one of its own, which is deleted afterwards.
 * Letters, digits, `.`, `_` and `-` only, fewer than 128.
 */
export function toSessionId({ key, session }: Pick<RuntimeAttempt, "key" | "session">): string {
  return `${prefix}${session === null ? key : session.key}`;
}
