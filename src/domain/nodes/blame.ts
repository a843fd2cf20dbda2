import type { Failure } from "../../protocol/failure.ts";
import { NodeBreaker } from "../../protocol/node.ts";

/** Failures that are the node's, or those of what stands behind it: another node may do better. */
export type BreakerCause = NodeBreaker["cause"];

/**
 * What a failed attempt says about its node; null: nothing. A bad request and too long an answer are the message's fault,
 * time and cancel the sender's, and a refusal is the node's right.
 */
export function blameOf(failure: Failure): BreakerCause | null {
  const cause = NodeBreaker.shape.cause.safeParse(
    failure.class === "runtime_error" ? failure.kind : failure.class,
  );
  return cause.success ? cause.data : null;
}
