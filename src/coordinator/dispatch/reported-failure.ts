import type { Failure, FailureClass } from "../../protocol/failure.ts";

/** What a node may know of its own run. All other classes are what the coordinator has found out itself. */
const reportable: ReadonlySet<FailureClass> = new Set(["runtime_error", "timeout", "too_large", "refused"]);

/** A failure as a node reported it: one of a class that is not its to choose is a fault of its runtime. */
export function toReportedFailure(failure: Failure): Failure {
  if (reportable.has(failure.class)) return failure;
  return { ...failure, class: "runtime_error", kind: "internal" };
}
