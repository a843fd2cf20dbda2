import { breakerOpen, full } from "../../domain/routing/candidates.ts";
import type { RouteDecision } from "../../domain/routing/index.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Router } from "../routing/router.ts";
import type { LiveTask } from "./live-task.ts";

/** Asks the router on behalf of a task, with what is known of its former tries. */
export interface Decider {
  readonly decide: (
    message: TaskMessage,
    excluded: ReadonlySet<NodeId> | null,
    waitingSinceMs: number | null,
  ) => RouteDecision;
  /** Nodes that failed it come last. */
  readonly decideAgain: (one: LiveTask) => RouteDecision;
  /** Whether another node than the present one could take it now. */
  readonly hasOther: (one: LiveTask) => boolean;
}

export function createDecider(router: Router): Decider {
  const decide: Decider["decide"] = (message, excluded, waitingSinceMs) => {
    const decided = router.decide(message, excluded, waitingSinceMs);
    // A queued task can wait for a breaker to close; a sender who waits is better served by a doubtful node than by none.
    if (!message.isSynchronous || !isBrokenOff(decided)) return decided;
    const lastResort = router.decideAsLastResort(message, excluded, waitingSinceMs);
    return lastResort.outcome === "unroutable" ? decided : lastResort;
  };

  return {
    decide,
    decideAgain: ({ task: { message }, passedOver, avoid, waitingSinceMs }) => {
      if (avoid !== null && !passedOver.has(avoid)) {
        const elsewhere = router.decide(message, new Set([...passedOver, avoid]), waitingSinceMs);
        if (elsewhere.outcome === "assigned") return elsewhere;
      }
      return decide(message, passedOver.size === 0 ? null : passedOver, waitingSinceMs);
    },
    hasOther: ({ task: { message }, passedOver, node }) => {
      const others = new Set(passedOver);
      if (node !== null) others.add(node.id);
      return router.decide(message, others, null).outcome === "assigned";
    },
  };
}

/** No node can take it, now or when one gets free, and a circuit breaker may be why. */
function isBrokenOff({ outcome, evidence: { counts } }: RouteDecision): boolean {
  return outcome !== "assigned" && (counts[breakerOpen] ?? 0) > 0 && (counts[full] ?? 0) === 0;
}
