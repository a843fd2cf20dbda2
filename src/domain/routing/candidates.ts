import type { RuntimeKind } from "../../protocol/capability.ts";
import type { RefusalReason } from "../../protocol/decision.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { AllowedNodes } from "./allowed-nodes.ts";
import { isKindReady, isRuntimeReady, meetsNeeds, type NodeNeeds } from "./capable.ts";
import type { MeshIndex, Place } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import { notCapable, notTarget, runtimeNotReady, type Scope } from "./scope.ts";
import { hasRoom, isDownToEcho, type SlotNeed } from "./slot-need.ts";

/** In the order in which they are looked for: a node is refused for the first that holds. */
const orderedReasons = [
  // First, so that nothing is told of a node that the sender may not use.
  "not_allowed",
  "offline",
  "not_ready",
  "draining",
  "cordoned",
  "breaker_open",
  "not_capable",
  "not_target",
  "full",
  "already_tried",
] as const satisfies readonly RefusalReason[];

/** 0 for a node that can take the message now, else 1 + the index of the reason. Numbers, because there may be thousands. */
export type Standing = number;

export const free: Standing = 0;
export const full: Standing = standingFor("full");
export const standingCount = orderedReasons.length + 1;

export function standingFor(reason: RefusalReason): Standing {
  return orderedReasons.indexOf(reason) + 1;
}

/** null for {@link free}. */
export function reasonOf(standing: Standing): RefusalReason | null {
  return orderedReasons[standing - 1] ?? null;
}

/** Who may take a message: asked of each node in turn. */
export interface CandidateQuestion {
  readonly index: MeshIndex;
  /** What the sender declared; null: nothing. */
  readonly declared: NodeNeeds | null;
  /** Where the rule or the target of the message leads; null: any node. */
  readonly scope: Scope | null;
  /** Nodes that the sender may use; null: all. */
  readonly allowed: AllowedNodes | null;
  /** The one node that holds the conversation; null: none does. */
  readonly holder: Place | null;
  /** Nodes that refused this message or lost it. */
  readonly excluded: ReadonlySet<NodeId> | null;
  /** A node that failed too often lately counts as any other. */
  readonly ignoresBreakers?: boolean;
  /** The message is part of a conversation; default false. */
  readonly isConversation?: boolean;
  /** The runtime of the conversation's node that has its former turns; default null: not known, or there were none. */
  readonly heldBy?: RuntimeKind | null;
}

/** The sender's own word comes first, then the rule's, then what the conversation began with. */
export function slotNeed({ declared, scope, isConversation, heldBy }: CandidateQuestion): SlotNeed {
  return declared?.runtime ?? scope?.runtime ?? heldBy ?? (isConversation === true ? "first" : null);
}

export const notAllowed: Standing = standingFor("not_allowed");
const draining = standingFor("draining");
const cordoned = standingFor("cordoned");
const offline = standingFor("offline");
export const notReady: Standing = standingFor("not_ready");
export const breakerOpen: Standing = standingFor("breaker_open");
const incapable = standingFor("not_capable");
const elsewhere = standingFor("not_target");
const alreadyTried = standingFor("already_tried");

export function standingOf(place: Place, question: CandidateQuestion): Standing {
  const { node } = place;
  const { declared } = question;
  if (question.allowed !== null && question.allowed[place.position] !== 1) return notAllowed;
  if (!node.isOnline) return offline;
  const need = slotNeed(question);
  if (!node.isReady || (isOpenNeed(need) && isDownToEcho(node))) return notReady;
  if (node.scheduling !== "active") return node.scheduling === "draining" ? draining : cordoned;
  if (node.isBreakerOpen && question.ignoresBreakers !== true) return breakerOpen;
  if (declared !== null) {
    if (!meetsNeeds(node, declared, question.index.isGroupMember)) return incapable;
    if (!isRuntimeReady(node, declared)) return notReady;
  }
  if (question.scope !== null) {
    const tier = question.scope.tiers[place.position] ?? notTarget;
    if (tier < 0) return standingOutside(tier);
  }
  if (question.holder !== null && question.holder !== place) return elsewhere;
  if (question.heldBy === need && need !== null && !isKindReady(node, need)) return notReady;
  if (!hasRoom(node, need)) return full;
  return question.excluded?.has(node.id) === true ? alreadyTried : free;
}

/** Whether any node could take the message now or as soon as it has a free slot. */
export function hasCandidate(question: CandidateQuestion): boolean {
  for (const place of question.scope?.members ?? question.index.places) {
    const standing = standingOf(place, question);
    if (standing === free || standing === full) return true;
  }
  return false;
}

/** Whether a node is one of those asked for and has what is needed, whatever its state is now. */
export function couldServe(place: Place, question: CandidateQuestion): boolean {
  const { declared, scope, holder, index, allowed } = question;
  if (allowed !== null && allowed[place.position] !== 1) return false;
  if (holder !== null && holder !== place) return false;
  if (declared !== null && !meetsNeeds(place.node, declared, index.isGroupMember)) return false;
  const tier = scope === null ? 0 : (scope.tiers[place.position] ?? notTarget);
  return tier >= 0 || tier === runtimeNotReady;
}

/** Whether any runtime will do that answers what asks for none. */
export function isOpenNeed(need: SlotNeed): boolean {
  return need === null || need === "first";
}

/** What makes a node unavailable for the moment, apart from its load; null when nothing does. */
export function unavailability(node: NodeView): RefusalReason | null {
  if (!node.isOnline) return "offline";
  if (!node.isReady) return "not_ready";
  if (node.scheduling !== "active") return node.scheduling;
  return node.isBreakerOpen ? "breaker_open" : null;
}

function standingOutside(tier: number): Standing {
  if (tier === notCapable) return incapable;
  return tier === runtimeNotReady ? notReady : elsewhere;
}
