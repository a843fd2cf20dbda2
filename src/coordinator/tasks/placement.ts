import { slotNeed } from "../../domain/routing/candidates.ts";
import type { NodeView, RouteDecision } from "../../domain/routing/index.ts";
import { hasRoom } from "../../domain/routing/slot-need.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import { type Clock, toIsoTime } from "../../platform/clock.ts";
import type { Random } from "../../platform/random.ts";
import type { RuntimeKind } from "../../protocol/capability.ts";
import type { Decision } from "../../protocol/decision.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Router } from "../routing/router.ts";
import { createDecider } from "./decider.ts";
import { type LanePlace, type LaneSpec, type LaneWait, toLanePlace } from "./lane.ts";
import { createLaneReview } from "./lane-review.ts";
import type { LiveTask } from "./live-task.ts";
import { serveNode, watchMesh } from "./mesh-watch.ts";
import { createPatience, type Patience } from "./patience.ts";
import { RefusalByRule } from "./refusal-by-rule.ts";
import { unroutableFailure } from "./task-outcome.ts";
import type { TasksByNode } from "./tasks-by-node.ts";
import { createWaitingAllowance } from "./waiting-allowance.ts";
import { createWaitingRoom, type Lane } from "./waiting-room.ts";

/** How long those that come to a lane, or look at it, are told what was decided for it before. */
const maxDecisionAgeMs = 1_000;

/** What a decision means to the task's state. */
export type PlacementEvent = Extract<TaskEvent, { readonly kind: "offered" | "unroutable" }>;

/**
 * Finds nodes for tasks, reserves their slots, and keeps those that have to wait. It changes no task's state: the task
 * engine does, with the events made here.
 */
export interface Placement extends Patience {
  /**
   * For a message that comes in. What it means to wait: a node may be free, but others were there first. Throws
   * REFUSED_BY_RULE, or QUEUE_FULL when it would have to wait and too many do, or far too many of the same token.
   */
  readonly decideFirst: (one: LiveTask) => {
    readonly decided: RouteDecision;
    readonly mustWait: boolean;
  };
  /** Throws REFUSED_BY_RULE for a message that comes in, also when its time is yet to come. */
  readonly assertWanted: (one: LiveTask) => void;
  /** What is to be recorded of a message that comes in and waits. */
  readonly explainWait: (one: LiveTask, decided: RouteDecision) => Decision;
  /** A message that comes in waits for its time. Throws QUEUE_FULL. */
  readonly claimPlace: (one: LiveTask) => void;
  /** What would become of it now; that it waits for its time comes first. */
  readonly decideEarly: (one: LiveTask, notBeforeMs: number) => Decision;
  /** For a task that was tried before or waits: nodes that failed it come last. */
  readonly decideAgain: (one: LiveTask) => RouteDecision;
  /** Whether another node than the present one could take it now. */
  readonly hasOther: (one: LiveTask) => boolean;
  /** Call it in the same turn as the decision: the decision refers to live nodes. */
  readonly toEvent: (one: LiveTask, decided: RouteDecision) => PlacementEvent;
  /** Reserves the slot, before the commit, so that decisions in between see it. */
  readonly hold: (one: LiveTask, decided: RouteDecision) => void;
  /** Its attempt is on this node, as a former process decided: reserves the slot. Without effect where it has one. */
  readonly adopt: (one: LiveTask, nodeId: NodeId) => void;
  /** The node has said which of its runtimes has it. */
  readonly recount: (one: LiveTask, runtime: RuntimeKind) => void;
  /** Gives the slot back, if there is one. */
  readonly release: (one: LiveTask) => void;
  /**
   * The first commit is done, and it could go: where others wait for that node it gets in line with them, and they are
   * served. `in line`: its turn comes. `others went`: nobody is before it any more, so it may be decided again.
   */
  readonly lineUp: (
    one: LiveTask,
    decided: RouteDecision,
  ) => "no one waits" | "went" | "in line" | "others went";
  /** `forMs`: as from `waitMs`. */
  readonly wait: (one: LiveTask, decided: RouteDecision, forMs: number) => void;
  /** It waits for its time alone, and counts as one of those that wait. */
  readonly waitForTime: (one: LiveTask, notBeforeMs: number) => void;
  /** It waits for its next attempt, and counts as one of those that wait. */
  readonly pause: (one: LiveTask) => void;
  /** It waits no more; `isServed`: a node takes it. */
  readonly leave: (one: LiveTask, isServed: boolean) => void;
  /** The newest decision about what it waits for; null: it waits for no node. */
  readonly decisionOf: (one: LiveTask) => Decision | null;
}

interface PlacementOptions {
  readonly registry: NodeRegistry;
  readonly router: Router;
  readonly byNode: TasksByNode;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly random: Random;
  /** The mesh has changed in a way that may let a waiting task go. */
  readonly onMayGo: (id: TaskId) => void;
}

export function createPlacement(options: PlacementOptions): Placement {
  const { registry, router, byNode, events, clock, onMayGo } = options;
  const room = createWaitingRoom(clock.monotonicMs);
  const review = createLaneReview({ room, clock, decideAgain: onMayGo });
  const allowance = createWaitingAllowance();
  const decider = createDecider(router);
  const { waitMs, noteRefusal, forgetRefusals } = createPatience(options);
  /** Messages that no node could take, whose commit is under way: who comes after them does not go before them. */
  let comingIn = 0;

  watchMesh({ ...options, room, review });

  /** Others may want the node who were there before. */
  function isContended(node: NodeView): boolean {
    return comingIn > 0 || isAwaited(node) || isReviewedFor(node);
  }

  /** Those that wait for a runtime of it that is full want nothing that is free. */
  function isAwaited(node: NodeView): boolean {
    return room.isAwaited(node.id, (need) => hasRoom(node, need));
  }

  /** Whether those that are just being decided again could want it. */
  function isReviewedFor(node: NodeView): boolean {
    return review.isUnderWayFor(
      ({ spec: { nodeIds, wants } }) =>
        hasRoom(node, wants.slot) && (nodeIds.includes(node.id) || router.mayServe(node, wants)),
    );
  }

  function cameIn(one: LiveTask): void {
    if (one.comingIn === "unserved") comingIn -= 1;
    one.comingIn = null;
  }

  function startWaiting(one: LiveTask): void {
    allowance.grant(one);
    if (one.waitingSinceMs !== null) return;
    one.waitingSinceMs = clock.monotonicMs();
    events.emit("task.waiting", { taskId: one.id });
  }

  function put(one: LiveTask, decided: RouteDecision, wait: LaneWait): void {
    const place = toLanePlace(one, decided, wait);
    const { decision, decidedAtMs } = explain(one, decided, place);
    room.put(one, { ...place, decision, decidedAtMs });
    one.task = { ...one.task, decision };
    startWaiting(one);
  }

  /** One that comes to others is told what they were told a moment ago: of a crowd each would be told the same. */
  function explain(
    one: LiveTask,
    decided: RouteDecision,
    place: LanePlace,
  ): Pick<LaneSpec, "decision" | "decidedAtMs"> {
    const nowMs = clock.monotonicMs();
    const spec = room.laneOf(one.id) === null ? (room.find(place)?.spec ?? null) : null;
    if (spec !== null && nowMs - spec.decidedAtMs < maxDecisionAgeMs) return spec;
    return { decision: router.explain(decided), decidedAtMs: nowMs };
  }

  /** Nodes may have come and gone that could not let it go, but that it tells of. */
  function explainAnew(one: LiveTask, lane: Lane): void {
    const { task, passedOver, waitingSinceMs } = one;
    const decided = decider.decide(task.message, passedOver.size === 0 ? null : passedOver, waitingSinceMs);
    const before = lane.spec.decision;
    // One that could go is about to: what it waited for is all there is to tell.
    const now = decided.outcome === "assigned" ? before : router.explain(decided);
    const decision = isSameNews(before, now) ? before : now;
    lane.spec = { ...lane.spec, decision, decidedAtMs: clock.monotonicMs() };
  }

  function decideEarly({ task: { message } }: LiveTask, notBeforeMs: number): Decision {
    const decision = router.explain(decider.decide(message, null, null));
    const unblock = [{ needs: `its time, ${toIsoTime(notBeforeMs)}`, nodes: [] }];
    return { ...decision, outcome: "waiting", unblock };
  }

  function leave(one: LiveTask, isServed: boolean): void {
    cameIn(one);
    room.remove(one.id, isServed);
    allowance.giveBack(one);
    one.waitingSinceMs = null;
  }

  function decideWanted({ task: { message } }: LiveTask): RouteDecision {
    const decided = decider.decide(message, null, null);
    if (decided.outcome !== "refused") return decided;
    events.emit("message.refused", { ruleId: decided.rule?.rule.id ?? null });
    throw new RefusalByRule(router.explain(decided), message);
  }

  return {
    assertWanted: (one) => void decideWanted(one),
    decideFirst: (one) => {
      const decided = decideWanted(one);
      const [best] = decided.order;
      const isBehind = decided.outcome === "assigned" && best !== undefined && isContended(best);
      const mustWait = isBehind || waitMs(one, decided) !== null;
      if (mustWait) {
        allowance.claim(one, { isBehind });
        one.comingIn = isBehind ? "behind" : "unserved";
        if (!isBehind) comingIn += 1;
      } else allowance.assertNoExcess(one);
      return { decided, mustWait };
    },
    explainWait: (one, decided) => {
      const forMs = waitMs(one, decided) ?? Number.POSITIVE_INFINITY;
      const place = toLanePlace(one, decided, { nodeIds: awaitedNodes(one, decided), forMs });
      return explain(one, decided, place).decision;
    },
    claimPlace: (one) => allowance.claim(one),
    decideEarly,
    decideAgain: (one) => {
      forgetRefusals(one, room.laneOf(one.id) !== null);
      return decider.decideAgain(one);
    },
    hasOther: (one) => {
      forgetRefusals(one, false);
      return decider.hasOther(one);
    },
    toEvent: (one, decided) => {
      const decision = router.explain(decided);
      const best = decided.order[0];
      if (decided.outcome !== "assigned" || best === undefined) {
        const failure = unroutableFailure(one.task, decision, clock.nowMs());
        return { kind: "unroutable", failure, decision };
      }
      return { kind: "offered", nodeId: best.id, nodeName: best.name, decision };
    },
    hold: (one, decided) => {
      const best = decided.order[0];
      one.node = best === undefined ? null : registry.find(best.id);
      if (best !== undefined) byNode.put(one, best.id);
      const need = slotNeed(decided.evidence.question);
      one.wantedRuntime = need === "first" ? null : need;
      if (one.node !== null) one.runtime = registry.reserve(one.node, need);
      const binding = decided.session?.binding;
      one.hasBoundSession = binding === "new" || binding === "moved";
      router.bind(one.task.message, decided);
    },
    adopt: (one, nodeId) => {
      if (one.node !== null) return;
      // Also where the node had said goodbye: what it ran it may still report.
      one.node = registry.findKnown(nodeId);
      byNode.put(one, nodeId);
      one.wantedRuntime = one.task.message.requires.runtime ?? null;
      if (one.node !== null) one.runtime = registry.reserve(one.node, one.wantedRuntime);
    },
    recount: (one, runtime) => {
      const { node, runtime: before } = one;
      if (node === null || before === runtime) return;
      one.runtime = runtime;
      registry.recount(node, before, runtime);
    },
    release: (one) => {
      const { node, runtime } = one;
      one.node = null;
      one.runtime = null;
      byNode.remove(one);
      if (node !== null) registry.release(node, runtime, one.task.attempts.at(-1)?.state === "refused");
    },
    waitMs,
    noteRefusal,
    forgetRefusals,
    lineUp: (one, decided) => {
      cameIn(one);
      const [best] = decided.order;
      if (best === undefined) return "no one waits";
      const isContested = isAwaited(best);
      if (!(isContested || isReviewedFor(best))) return "no one waits";
      put(one, decided, { nodeIds: [best.id], forMs: Number.POSITIVE_INFINITY });
      const node = registry.find(best.id);
      if (isContested && node !== null) serveNode(node, { room, review, isRefused: true });
      const lane = room.laneOf(one.id);
      if (lane === null) return "went";
      if (!review.isUnderWay()) return "others went";
      review.review([lane]);
      return "in line";
    },
    wait: (one, decided, forMs) => {
      cameIn(one);
      put(one, decided, { nodeIds: awaitedNodes(one, decided), forMs });
      // What refused it may take it after a wait; a queued task counts the time of that by itself.
      if (one.task.message.isSynchronous) one.passedOver.clear();
    },
    waitForTime: (one, notBeforeMs) => {
      cameIn(one);
      allowance.grant(one);
      if (room.laneOf(one.id) === null) return;
      // The clock on the wall was set back: who waits behind it may go.
      room.remove(one.id, false);
      one.waitingSinceMs = null;
      one.task = { ...one.task, decision: decideEarly(one, notBeforeMs) };
    },
    pause: (one) => allowance.grant(one),
    leave,
    decisionOf: (one) => {
      const lane = room.laneOf(one.id);
      if (lane === null) return null;
      if (clock.monotonicMs() - lane.spec.decidedAtMs >= maxDecisionAgeMs) explainAnew(one, lane);
      return lane.spec.decision;
    },
  };
}

function isSameNews(before: Decision, now: Decision): boolean {
  return JSON.stringify({ ...before, decided_at: now.decided_at }) === JSON.stringify(now);
}

/** Nodes whose changes may let it go. */
function awaitedNodes(one: LiveTask, { waitFor, session, outcome }: RouteDecision): readonly NodeId[] {
  const ids = new Set(waitFor.map((node) => node.id));
  for (const id of one.passedOver) ids.add(id);
  // The node of its conversation was full for too long; a queued task goes on waiting for it.
  const holder = outcome === "unroutable" ? (session?.nodeId ?? null) : null;
  if (holder !== null) ids.add(holder);
  return [...ids];
}
