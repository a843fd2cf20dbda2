import { type Decision, maxNamedNodes, type RefusalReason } from "../../protocol/decision.ts";
import { toIsoTime } from "../../protocol/iso-time.ts";
import { anyNode } from "../../protocol/unblock-text.ts";
import { couldServe, free, full, notAllowed, reasonOf, slotNeed, standingFor } from "./candidates.ts";
import { missingNeeds, type NodeNeeds, needTexts } from "./capable.ts";
import type { CompiledRule } from "./compile-rules.ts";
import { meetsInferred } from "./infer-requirements.ts";
import type { Place } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import type { RouteDecision, RouteEvidence } from "./route-decision.ts";
import { isDownToEcho, runtimeFor, type SlotNeed } from "./slot-need.ts";
import { slotsText } from "./strategies/strategy.ts";

const notTarget = standingFor("not_target");

/** The decision as it is stored and shown. Call it in the turn in which the decision was made: it reads the live nodes. */
export function toDecision(decision: RouteDecision, nowMs: number): Decision {
  const { message, inferred, strategy, passedOver, ranking } = decision.evidence;
  const { session } = decision;
  return {
    decided_at: toIsoTime(nowMs),
    outcome: decision.outcome,
    ...(message.isUntrusted && { untrusted: true as const }),
    rule: decision.rule === null ? null : toDecidingRule(decision.rule),
    passed_over: passedOver
      .slice(0, maxNamedNodes)
      .map(({ rule, position, text }) => ({ id: rule.id, position, text })),
    strategy: strategy.name,
    target: message.target,
    session:
      session === null ? null : { name: session.name, binding: session.binding, node_id: session.nodeId },
    declared: message.requires,
    inferred: inferred.map(({ need, because }) => ({ need: need.text, because })),
    candidate_count: ranking.count,
    ranking: toRanking(decision),
    refused: toRefused(decision),
    unblock: decision.outcome === "assigned" || decision.outcome === "refused" ? [] : [toUnblock(decision)],
  };
}

function toDecidingRule({ rule, position, text, targetText }: CompiledRule): NonNullable<Decision["rule"]> {
  return { id: rule.id, origin: rule.origin, position, text, target: targetText };
}

function toRanking({ evidence }: RouteDecision): Decision["ranking"] {
  const { ranking, question, strategy } = evidence;
  const inferred = tellsOfRules(evidence) ? evidence.inferred : [];
  return ranking.places.map((place, rank) => {
    const { node } = place;
    const isHolder = question.holder === place;
    const echo = place.isEchoOnly ? "only echoes, " : "";
    const standing = `${echo}${isHolder ? `holds the conversation, ${slotsText(place)}` : strategy.why(place)}`;
    const lacks = inferred
      .filter(({ need }) => !meetsInferred(node, need, question.index.isGroupMember))
      .map(({ need }) => need.text);
    return {
      node_id: node.id,
      name: node.name,
      score: Math.round((ranking.scores[rank] ?? 0) * 1000) / 1000,
      why: lacks.length === 0 ? standing : `${standing}; lacks ${lacks.join(", ")}`,
    };
  });
}

function toRefused(decision: RouteDecision): Decision["refused"] {
  const counts: Decision["refused"]["counts"] = {};
  for (const [standing, count] of decision.evidence.counts.entries()) {
    const reason = reasonOf(standing);
    if (reason !== null && count > 0) counts[reason] = count;
  }
  return { counts, named: placesToName(decision.evidence).map((place) => toRefusedNode(place, decision)) };
}

/** Those that were meant and could not come first: with a thousand nodes, "was not the target" explains nothing. */
function placesToName({ question, standings }: RouteEvidence): readonly Place[] {
  const named: Place[] = [];
  for (const isTargetPass of [true, false]) {
    for (const place of question.index.places) {
      if (named.length === maxNamedNodes) return named;
      const standing = standings[place.position] ?? free;
      const isMeant = standing !== notTarget && standing !== notAllowed;
      if (standing !== free && isMeant === isTargetPass) named.push(place);
    }
  }
  return named;
}

function toRefusedNode(place: Place, decision: RouteDecision): Decision["refused"]["named"][number] {
  const { node, position } = place;
  const reason = reasonOf(decision.evidence.standings[position] ?? free) ?? "not_target";
  const detail = refusalDetail(reason, place, decision);
  return { node_id: node.id, name: node.name, reason, ...(detail !== null && { detail }) };
}

function refusalDetail(reason: RefusalReason, { node }: Place, decision: RouteDecision): string | null {
  const { question } = decision.evidence;
  switch (reason) {
    case "offline":
      return node.offlineSinceMs === null ? null : `offline since ${toIsoTime(node.offlineSinceMs)}`;
    case "not_ready":
      return node.reason ?? runtimeDetail(node, decision);
    case "not_capable":
      return lackText(node, decision);
    case "not_target":
      return question.holder === null ? null : `the conversation is on ${question.holder.node.name}`;
    case "breaker_open":
      return node.breakerDetail ?? null;
    case "full":
      return fullText(node, slotNeed(question));
    default:
      return null;
  }
}

function fullText(node: NodeView, need: SlotNeed): string {
  if (node.inFlight >= node.slots) return `${node.inFlight} of ${node.slots} slots in use`;
  const kind = need === null ? null : runtimeFor(node, need);
  return kind === null ? "all slots of its runtimes in use" : `all slots of its runtime ${kind} in use`;
}

function runtimeDetail(node: NodeView, decision: RouteDecision): string | null {
  const wanted = wantedNeeds(decision).find(({ runtime }) => runtime !== null)?.runtime;
  const kind = wanted ?? decision.evidence.question.heldBy ?? null;
  if (kind !== null) return `its runtime ${kind} is not ready`;
  return isDownToEcho(node) ? "only its echo is ready" : null;
}

/** null: what it lacks is not to be told. */
function lackText(node: NodeView, decision: RouteDecision): string | null {
  const { isGroupMember } = decision.evidence.question.index;
  const lacks = wantedNeeds(decision).flatMap((needs) => missingNeeds(node, needs, isGroupMember));
  return lacks.length === 0 ? null : lacks.join(", ");
}

/** What the sender declared and what the rule adds. */
function wantedNeeds({ rule, evidence }: RouteDecision): readonly NodeNeeds[] {
  const added = tellsOfRules(evidence) ? (rule?.needs ?? null) : null;
  return [evidence.question.declared, added].filter((needs) => needs !== null);
}

/** Needs of rules and words of the mesh name tags, skills and groups that a sender with a limit is not to know. */
function tellsOfRules({ message }: RouteEvidence): boolean {
  return message.allowedGroups === null;
}

/** What would let the message go on, and who has that and cannot serve now. */
function toUnblock(decision: RouteDecision): Decision["unblock"][number] {
  const { question, counts, standings } = decision.evidence;
  const isFull = (counts[full] ?? 0) > 0;
  const blocked = question.index.places.filter((place) =>
    isFull ? standings[place.position] === full : couldServe(place, question),
  );
  return {
    needs: isFull
      ? "a free slot"
      : `${wantedText(decision)}${blocked.length === 0 ? lackingText(decision) : ""}`,
    nodes: blocked.slice(0, maxNamedNodes).map((place) => toBlockedNode(place, decision)),
  };
}

/** Nodes, and things that each lacks, that one sentence names. */
const maxLacking = 2;

/** ` (mac has ffmpeg and lacks program ffmpeg)`: who could soon have a skill that nobody can use. "" when nobody has it. */
function lackingText(decision: RouteDecision): string {
  if (!tellsOfRules(decision.evidence)) return "";
  const wanted = wantedNeeds(decision).flatMap(({ abilities, anyAbility }) => [...abilities, ...anyAbility]);
  if (wanted.length === 0) return "";
  const found: string[] = [];
  for (const { node } of decision.evidence.question.index.places) {
    if (found.length === maxLacking) break;
    const skill = wanted.find(
      (ability) => !node.abilities.has(ability) && node.lacking?.has(ability) === true,
    );
    // A node's own words: what could be taken for a part of the sentence is not told.
    const missing = node.lacking?.get(skill ?? "")?.filter((text) => /^[\w .:/+-]{1,128}$/.test(text)) ?? [];
    if (missing.length > 0) {
      found.push(`${node.name} has ${skill} and lacks ${missing.slice(0, maxLacking).join(", ")}`);
    }
  }
  return found.length === 0 ? "" : ` (${found.join("; ")})`;
}

function toBlockedNode(place: Place, decision: RouteDecision): Decision["unblock"][number]["nodes"][number] {
  const { node, position } = place;
  const reason = reasonOf(decision.evidence.standings[position] ?? free) ?? "already_tried";
  const isOffline = reason === "offline" && node.offlineSinceMs !== null;
  return {
    node_id: node.id,
    name: node.name,
    reason,
    ...(isOffline && { since: toIsoTime(node.offlineSinceMs ?? 0) }),
  };
}

/** `a node with os=darwin, skill=docker`, `the target mac-nodes with os=darwin`. */
function wantedText(decision: RouteDecision): string {
  const { holder } = decision.evidence.question;
  if (holder !== null) return `${holder.node.name}, the node of the conversation`;
  const needs = [...new Set(wantedNeeds(decision).flatMap(needTexts))];
  const ruleTarget = tellsOfRules(decision.evidence) ? (decision.rule?.targetText ?? null) : null;
  const target = decision.evidence.message.target ?? ruleTarget;
  const who = target === null ? anyNode : `the target ${target}`;
  return needs.length === 0 ? who : `${who} with ${needs.join(", ")}`;
}
