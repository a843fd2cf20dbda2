import { explainForeign, findPortOwner } from "../platform/port-owner.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

/**
 * Why what listens at an address of this machine is not believed to be this user's, in words; null when it is, or the system
 * does not tell.
 */
export function findForeign(
  url: string,
  {
    isThere,
    isExpected,
  }: {
    /** It answered as the runtime does. */
    readonly isThere: boolean;
    /** A configuration says that the runtime is there. */
    readonly isExpected: boolean;
  },
): string | null {
  const owner = findPortOwner(url);
  const counts = isThere || (isExpected && owner.kind === "foreign");
  return counts ? explainForeign(owner) : null;
}

/** @param why - of {@link findForeign} */
export function judgeForeign(
  kind: RuntimeKind,
  endpoint: string,
  why: string,
): Pick<DetectedRuntime, "state" | "problem" | "isForeign"> {
  const named = `--runtime ${kind} --gateway-endpoint ${new URL(endpoint).host} --gateway-token …`;
  const remedy = `find out who listens there; when that is meant, name it: ${named}`;
  return { state: "not_ready", problem: { message: why, remedy }, isForeign: true };
}
