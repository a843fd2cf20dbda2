import { type LaneWants, toLaneWants } from "../../domain/routing/lane-wants.ts";
import type { RouteDecision } from "../../domain/routing/route-decision.ts";
import { conversationOwner } from "../../domain/tasks/task.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { LiveTask } from "./live-task.ts";

/** What a task waits for, as it was decided. Tasks with the same can only go together: one is asked for all. */
export interface LaneSpec {
  /** All that decides where they may go, but for the nodes: those are in `nodeIds`. */
  readonly key: string;
  /** Nodes whose changes may let them go; none: any node that joins may. */
  readonly nodeIds: readonly NodeId[];
  readonly wants: LaneWants;
  /** Position of the rule that decided; Infinity: all rules that apply were tried, or none was asked. */
  readonly rulePosition: number;
  /** Its tasks have times of their own, so that one cannot answer for the others. */
  readonly isTimed: boolean;
  /** One that was refused: it waits for itself, and asks again in its own time. */
  readonly isAlone: boolean;
  readonly decision: Decision;
  /** Monotonic. */
  readonly decidedAtMs: number;
}

/** Which lane it is, without what changes from decision to decision. */
export type LanePlace = Omit<LaneSpec, "decision" | "decidedAtMs">;

/** What a task waits for: `forMs` is how long at most, Infinity without an end. */
export interface LaneWait {
  readonly nodeIds: readonly NodeId[];
  readonly forMs: number;
}

export function toLanePlace(one: LiveTask, decided: RouteDecision, { nodeIds, forMs }: LaneWait): LanePlace {
  const isAlone = one.fullRefusals > 0 || one.passedOver.size > 0;
  const isTimed = Number.isFinite(forMs);
  return {
    nodeIds,
    key: isAlone ? `alone\n${one.id}` : laneKey(one, decided, isTimed),
    wants: toLaneWants(decided),
    rulePosition: decided.rule?.position ?? Number.POSITIVE_INFINITY,
    isTimed,
    isAlone,
  };
}

/**
 * Whoever has a time, and what that follows from, is part of it: when the first of a lane gets another one, it leaves the
 * lane, and each of the others is given its own.
 */
function laneKey({ task: { message } }: LiveTask, decided: RouteDecision, isTimed: boolean): string {
  const { evidence, rule, outcome } = decided;
  return JSON.stringify([
    isTimed,
    decided.session !== null && decided.waitFor.some((node) => !node.isOnline),
    message.isSynchronous,
    message.requires,
    message.target,
    message.session === null ? null : [conversationOwner(message), message.session],
    message.allowedGroups,
    message.isUntrusted,
    evidence.inferred.map(({ need }) => need.text),
    evidence.passedOver.map((passed) => passed.rule.id),
    rule?.rule.id ?? null,
    outcome,
  ]);
}

/** Whether what was decided for one task of a lane holds for all others of it. */
export function holdsForAll(before: LaneSpec, after: LaneSpec): boolean {
  // Which further rules apply may differ from task to task.
  return !after.isAlone && !after.isTimed && after.rulePosition <= before.rulePosition;
}
