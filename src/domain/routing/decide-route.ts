import type { NodeId } from "../../protocol/ids.ts";
import {
  type CandidateQuestion,
  couldServe,
  free,
  full,
  hasCandidate,
  isOpenNeed,
  notReady,
  type Standing,
  slotNeed,
  standingCount,
  standingOf,
  unavailability,
} from "./candidates.ts";
import { toNodeNeeds } from "./capable.ts";
import type { CompiledRule, CompiledRules } from "./compile-rules.ts";
import { decideGuards } from "./guard-rules.ts";
import { type InferredRequirement, inferRequirements, meetsInferred } from "./infer-requirements.ts";
import type { MeshIndex, Place } from "./mesh-index.ts";
import type { MeshSnapshot, NodeView } from "./mesh-snapshot.ts";
import type { Random } from "./random.ts";
import { Ranking } from "./ranking.ts";
import type { RoundRobinCursors, RouteDecision, RouteEvidence, SessionOutcome } from "./route-decision.ts";
import type { RoutingMemo } from "./routing-memo.ts";
import type { RoutingMessage } from "./routing-message.ts";
import { readMessage, ruleApplies } from "./rule-applies.ts";
import { createScope } from "./scope.ts";
import { decideSession, type SessionBinding, type SessionVerdict } from "./session-affinity.ts";
import { isDownToEcho } from "./slot-need.ts";
import { strategyNamed } from "./strategies/index.ts";
import type { Strategy } from "./strategies/strategy.ts";

/** What a decision depends on besides message, mesh and rules. */
export interface RoutingContext {
  /** Of a clock that never jumps, like all times that a decision compares. */
  readonly nowMs: number;
  readonly random: Random;
  /** Where the conversation of the message lives; null: nowhere yet, or the message has none. */
  readonly binding: SessionBinding | null;
  /** Since when this message waits for a node; null: it does not yet. */
  readonly waitingSinceMs: number | null;
  readonly cursors: RoundRobinCursors;
  /** Nodes that refused this message or lost it; null: none did. Start anew after a wait. */
  readonly excluded: ReadonlySet<NodeId> | null;
  /** As a last resort: nodes whose circuit breaker is open count as any other. */
  readonly ignoresBreakers?: boolean;
  /** Keeps what is derived from mesh and rules between decisions; never changes an outcome. */
  readonly memo: RoutingMemo;
}

const nothingInferred: readonly InferredRequirement[] = [];

/** One tier of a fallback chain outweighs all inferred needs, of which there are at most 16. */
const tierStep = 64;

/** A node that can only echo stands behind every node with an AI, whatever inferred needs it meets. */
const echoStep = 32;

/** How nodes are chosen where no rule says otherwise. */
const byDefault = { rule: null, strategy: strategyNamed("least-busy"), passedOver: [] };

/**
 * Decides which node gets a message, which ones are its fallbacks, and why the others are not: pure, and the only place
 * where that is decided. docs/reference/configuration.md, section rules, tells the same to users.
 *
 * In this order: the node of the conversation; the target that the sender named; the first rule that applies and has a
 * candidate; any node. Declared requirements hold everywhere, and so does what the sender may use. Inferred requirements
 * select rules and rank nodes, no more. Rules that refuse or ask for the untrusted label come before what was chosen.
 */
export function decideRoute(
  message: RoutingMessage,
  mesh: MeshSnapshot,
  rules: CompiledRules,
  context: RoutingContext,
): RouteDecision {
  const index = context.memo.indexOf(mesh);
  const question: CandidateQuestion = {
    index,
    declared: toNodeNeeds(message.requires),
    scope: message.target === null ? null : createScope(index, [message.target], null),
    allowed: context.memo.allowedNodesOf(index, message.allowedGroups),
    holder: null,
    excluded: context.excluded,
    ignoresBreakers: context.ignoresBreakers === true,
    isConversation: message.session !== null,
  };
  const inferred = message.infer
    ? inferRequirements(message.content, context.memo.vocabularyOf(index, rules))
    : nothingInferred;
  const ofHolder: CandidateQuestion = { ...question, heldBy: context.binding?.runtime ?? null };
  const verdict = message.session === null ? null : decideSession(context.binding, ofHolder, context);
  const routing: Routing = { message, context, inferred, verdict };
  const held = verdict !== null && "holder" in verdict ? verdict : null;
  if (held === null && message.target === null) return decideByRules(routing, question, rules);
  const { memo } = context;
  const guard = rules.hasGuards
    ? decideGuards({
        rules,
        reading: readMessage(message, question.declared, inferred),
        question,
        holder: held?.holder ?? null,
        memo,
      })
    : null;
  if (guard?.kind === "refused") return refuse(routing, question, guard);
  if (guard !== null) {
    const { rule, passedOver } = guard;
    const moved: Routing = held === null ? routing : { ...routing, verdict: { kind: "move" } };
    return settle(moved, { question: guard.question, rule, strategy: rule.strategy, passedOver });
  }
  return held === null
    ? settle(routing, { question, ...byDefault })
    : settleWithHolder(routing, ofHolder, held);
}

/** Whether a node is one of those that the decision lets have the message, apart from how busy and how ready it is. */
export function letsHave({ outcome, evidence }: RouteDecision, id: NodeId): boolean {
  const position = evidence.question.index.placeOf(id)?.position;
  if (outcome === "refused" || position === undefined) return false;
  const standing = evidence.standings[position] ?? free;
  return standing === free || standing === full || standing === notReady;
}

/** What stays the same while one message is routed. */
interface Routing {
  readonly message: RoutingMessage;
  readonly context: RoutingContext;
  readonly inferred: readonly InferredRequirement[];
  /** null: the message has no session. */
  readonly verdict: SessionVerdict | null;
}

/** Who is asked, and how those who can are ordered. */
interface Choice {
  readonly question: CandidateQuestion;
  readonly rule: CompiledRule | null;
  readonly strategy: Strategy;
  readonly passedOver: readonly CompiledRule[];
}

function decideByRules(routing: Routing, question: CandidateQuestion, rules: CompiledRules): RouteDecision {
  const reading = readMessage(routing.message, question.declared, routing.inferred);
  const passedOver: CompiledRule[] = [];
  for (const rule of rules.rules) {
    if (!ruleApplies(rule, reading, rules)) continue;
    if (rule.isRefusal) return refuse(routing, question, { rule, passedOver });
    const scope = routing.context.memo.scopeOfRule(question.index, rule);
    const asked = scope === null ? question : { ...question, scope };
    const stopsHere = rule.rule.otherwise !== undefined && rule.rule.otherwise !== "next";
    if (stopsHere || hasCandidate(asked)) {
      return settle(routing, { question: asked, rule, strategy: rule.strategy, passedOver });
    }
    passedOver.push(rule);
  }
  return settle(routing, { ...byDefault, question, passedOver });
}

function settle(routing: Routing, choice: Choice): RouteDecision {
  const evidence = surveyNodes(routing, choice);
  const { rule, question } = choice;
  const order = evidence.ranking.places.map((place) => place.node);
  const chosen = order[0];
  const decided = { order, rule, recheckAtMs: null, evidence };
  if (chosen !== undefined) {
    return {
      ...decided,
      outcome: "assigned",
      waitFor: [],
      isParked: false,
      nextCursor: rule?.strategy.name === "round-robin" ? { ruleId: rule.rule.id, nodeId: chosen.id } : null,
      session: sessionOutcome(routing, chosen.id),
    };
  }
  const isFull = (evidence.counts[full] ?? 0) > 0;
  const isParked = !isFull && rule?.rule.otherwise === "queue";
  return {
    ...decided,
    outcome: isFull || isParked ? "waiting" : "unroutable",
    waitFor: isFull ? nodesStanding(full, evidence) : unavailableNodes(question),
    isParked,
    nextCursor: null,
    session: sessionOutcome(routing, null),
  };
}

/** Its rule lets it go nowhere: no node was even asked. */
function refuse(
  { message, inferred }: Routing,
  question: CandidateQuestion,
  { rule, passedOver }: Pick<Choice, "passedOver"> & { readonly rule: CompiledRule },
): RouteDecision {
  const standings = new Uint8Array(question.index.places.length);
  const counts = new Array<number>(standingCount).fill(0);
  const { strategy } = byDefault;
  return {
    outcome: "refused",
    order: [],
    waitFor: [],
    isParked: false,
    recheckAtMs: null,
    nextCursor: null,
    session: null,
    rule,
    evidence: {
      message,
      question,
      inferred,
      strategy,
      passedOver,
      ranking: new Ranking(),
      standings,
      counts,
    },
  };
}

/** The message belongs to the node of its conversation: now, later, or not at all. */
function settleWithHolder(
  routing: Routing,
  question: CandidateQuestion,
  verdict: Extract<SessionVerdict, { holder: Place }>,
): RouteDecision {
  const { holder } = verdict;
  const evidence = surveyNodes(routing, {
    ...byDefault,
    question: { ...question, holder },
    strategy: strategyNamed("sticky"),
  });
  const isStaying = verdict.kind === "stay";
  const isWaiting = verdict.kind === "wait";
  return {
    outcome: isStaying ? "assigned" : isWaiting ? "waiting" : "unroutable",
    order: isStaying ? [holder.node] : [],
    waitFor: isWaiting ? [holder.node] : [],
    isParked: false,
    recheckAtMs: isWaiting ? verdict.untilMs : null,
    nextCursor: null,
    session: {
      name: routing.message.session ?? "",
      binding: isWaiting ? "waiting" : "kept",
      nodeId: holder.node.id,
    },
    rule: null,
    evidence,
  };
}

/** Asks every node once; the only loop over all nodes. */
function surveyNodes(routing: Routing, { question, rule, strategy, passedOver }: Choice): RouteEvidence {
  const { message, inferred, context } = routing;
  const { places } = question.index;
  const ranking = new Ranking();
  const standings = new Uint8Array(places.length);
  const counts = new Array<number>(standingCount).fill(0);
  const draw = strategy.draw({
    random: context.random,
    lastPosition: rule === null ? -1 : lastPosition(question.index, context.cursors, rule),
    conversation: message.session ?? message.source,
  });
  for (const place of places) {
    const standing = standingOf(place, question);
    standings[place.position] = standing;
    counts[standing] = (counts[standing] ?? 0) + 1;
    if (standing === free) {
      const tier = question.scope?.tiers[place.position] ?? 0;
      const echo = place.isEchoOnly ? echoStep : 0;
      const preference = tier * tierStep + echo + unmetCount(place.node, inferred, question.index);
      ranking.offer(place, preference, strategy.score(place, draw));
    }
  }
  return { message, question, inferred, strategy, passedOver, ranking, standings, counts };
}

function unmetCount(node: NodeView, inferred: readonly InferredRequirement[], index: MeshIndex): number {
  let count = 0;
  for (const { need } of inferred) if (!meetsInferred(node, need, index.isGroupMember)) count++;
  return count;
}

function lastPosition(index: MeshIndex, cursors: RoundRobinCursors, rule: CompiledRule): number {
  const nodeId = cursors.get(rule.rule.id);
  return nodeId === undefined ? -1 : (index.placeOf(nodeId)?.position ?? -1);
}

function sessionOutcome(
  { message, context, verdict }: Routing,
  chosen: NodeId | null,
): SessionOutcome | null {
  if (message.session === null || verdict === null) return null;
  const name = message.session;
  if (verdict.kind === "elsewhere") {
    return { name, binding: "kept", nodeId: context.binding?.nodeId ?? null };
  }
  if (chosen === null) return { name, binding: "waiting", nodeId: null };
  return { name, binding: verdict.kind === "move" ? "moved" : "new", nodeId: chosen };
}

function nodesStanding(standing: Standing, { question, standings }: RouteEvidence): readonly NodeView[] {
  return question.index.places
    .filter(({ position }) => standings[position] === standing)
    .map((place) => place.node);
}

function unavailableNodes(question: CandidateQuestion): readonly NodeView[] {
  const isOpen = isOpenNeed(slotNeed(question));
  const isAway = (node: NodeView) => unavailability(node) !== null || (isOpen && isDownToEcho(node));
  return question.index.places
    .filter((place) => isAway(place.node) && couldServe(place, question))
    .map((place) => place.node);
}
