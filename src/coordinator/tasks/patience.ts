import type { RouteDecision } from "../../domain/routing/index.ts";
import { defaultRetryPolicy, isCounted, retryDelayMs } from "../../domain/tasks/retry-policy.ts";
import type { Task } from "../../domain/tasks/task.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import { gatheringMs } from "../nodes/node-presence.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { LiveTask } from "./live-task.ts";

/** How often one that was refused looks for a slot beside the times when a run ends. */
const refusedAgainMs = 5_000;

/** Between a queued task and the nodes that refused it, in a row: each further refusal is a line more on its record. */
export const refusalPauses = { baseDelayMs: 1_000, maxDelayMs: 600_000 } as const;

/** A change of a node lets it be asked again earlier, but not sooner after its refusal than this. */
export const maxRefusalRestMs = 10_000;

/** How long a synchronous message that waits is kept when all nodes that could serve it are away. */
export const absenceGraceMs = 30_000;

/** Says whether a task waits for what was decided, and for how long. */
export interface Patience {
  /**
   * How long the task has to wait before it is decided again even if nothing changes: Infinity for a decision to wait
   * that has no time of its own, null when the task must not wait.
   */
  readonly waitMs: (one: LiveTask, decided: RouteDecision) => number | null;
  /** A node has not taken it: a queued task leaves that node alone for a while, longer each time. */
  readonly noteRefusal: (one: LiveTask) => void;
  /**
   * Nodes that refused it may be asked again when they have had their rest. `isWoken`: something has changed while it waits,
   * maybe for the better, so they are asked then, and not after all of the pause.
   */
  readonly forgetRefusals: (one: LiveTask, isWoken: boolean) => void;
}

interface PatienceOptions {
  readonly registry: NodeRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

export function createPatience({ registry, clock, random }: PatienceOptions): Patience {
  /** A node that is away for a moment, as one that dials again, does not cost the tasks that wait for it. */
  function absenceMs(one: LiveTask, decided: RouteDecision): number | null {
    if (decided.waitFor.length === 0) return null;
    // One whose node was lost, and that may go on, was taken in while there were nodes, like those that wait.
    const hasLostNode = one.task.attempts.at(-1)?.state === "lost";
    const isKnown = one.waitingSinceMs !== null || one.patientUntilMs !== null || hasLostNode;
    if (!isKnown && !decided.waitFor.some((node) => registry.isExpected(node.id))) return null;
    const nowMs = clock.monotonicMs();
    one.patientUntilMs ??= nowMs + (isKnown ? absenceGraceMs : gatheringMs);
    return one.patientUntilMs > nowMs ? one.patientUntilMs - nowMs : null;
  }

  /**
   * All candidates refused it. A queued task asks them again whatever the reason; a synchronous one when some had no slot:
   * ours is not the only count of what they run.
   */
  function refusalWaitMs(one: LiveTask): number | null {
    if (one.passedOver.size === 0) return null;
    if (!one.task.message.isSynchronous) {
      return one.askAgain === null ? null : Math.max(0, one.askAgain.byMs - clock.monotonicMs());
    }
    const rounds = one.fullRefusals;
    return rounds === 0 ? null : retryDelayMs(defaultRetryPolicy, rounds, random.next());
  }

  function untilRecheckMs({ recheckAtMs }: RouteDecision): number {
    return recheckAtMs === null ? Number.POSITIVE_INFINITY : Math.max(0, recheckAtMs - clock.monotonicMs());
  }

  function waitForNodeMs(one: LiveTask, decided: RouteDecision): number | null {
    const refusedMs = refusalWaitMs(one);
    if (refusedMs !== null) return refusedMs;
    const isPatient = !one.task.message.isSynchronous && decided.rule?.rule.otherwise !== "fail";
    return isPatient ? untilRecheckMs(decided) : absenceMs(one, decided);
  }

  return {
    waitMs: (one, decided) => {
      if (decided.outcome === "refused") return null;
      if (decided.outcome === "unroutable") return waitForNodeMs(one, decided);
      one.patientUntilMs = null;
      if (decided.outcome === "assigned") return null;
      const untilMs = untilRecheckMs(decided);
      const refusedMs = refusalWaitMs(one) ?? (one.fullRefusals === 0 ? untilMs : refusedAgainMs);
      return Math.min(untilMs, refusedMs);
    },
    noteRefusal: (one) => {
      if (one.task.message.isSynchronous) return;
      const nowMs = clock.monotonicMs();
      const pauseMs = retryDelayMs(refusalPauses, refusalsInARow(one.task), random.next());
      one.askAgain = { fromMs: nowMs + Math.min(pauseMs, maxRefusalRestMs), byMs: nowMs + pauseMs };
    },
    forgetRefusals: (one, isWoken) => {
      if (one.askAgain === null) return;
      const { fromMs } = one.askAgain;
      if (fromMs > clock.monotonicMs()) {
        if (isWoken) one.askAgain = { fromMs, byMs: fromMs };
        return;
      }
      one.askAgain = null;
      one.passedOver.clear();
      one.fullRefusals = 0;
    },
  };
}

/** By the node that refused it last, since one took it: where ten nodes refuse it in turn that is one round, not ten. */
function refusalsInARow({ attempts }: Task): number {
  const since = attempts.slice(attempts.findLastIndex(isCounted) + 1);
  const nodeId = since.at(-1)?.nodeId;
  return since.filter((attempt) => attempt.nodeId === nodeId).length;
}
