import type { Decision } from "../../protocol/decision.ts";
import type { NodeId, RuleId } from "../../protocol/ids.ts";
import type { CandidateQuestion } from "./candidates.ts";
import type { CompiledRule } from "./compile-rules.ts";
import type { InferredRequirement } from "./infer-requirements.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import type { Ranking } from "./ranking.ts";
import type { RoutingMessage } from "./routing-message.ts";
import type { Strategy } from "./strategies/strategy.ts";

/** What becomes of the conversation; `new` and `moved` ask the caller to store the first node as its node. */
export interface SessionOutcome {
  readonly name: string;
  readonly binding: "new" | "kept" | "moved" | "waiting";
  readonly nodeId: NodeId | null;
}

/** Where a round-robin rule stands: the node it chose last. */
export type RoundRobinCursors = ReadonlyMap<RuleId, NodeId>;

/**
 * The outcome of routing one message. It refers to live nodes: act on it, and turn it into the stored form with
 * `toDecision`, in the same turn of the event loop.
 */
export interface RouteDecision {
  readonly outcome: Decision["outcome"];
  /** Nodes with a free slot, best first, at most 20: the message goes to the first, the others are its fallbacks. */
  readonly order: readonly NodeView[];
  /**
   * Nodes that the message waits for when `outcome` is `waiting`: decide again when one of them changes. Capable ones that
   * are full; for a parked message those that are offline, not ready, cordoned or draining.
   */
  readonly waitFor: readonly NodeView[];
  /** The rule says `otherwise: queue` and has no candidate: any node that joins may be the one, too. */
  readonly isParked: boolean;
  /** Monotonic; decide again then even if nothing changes. null: no need. */
  readonly recheckAtMs: number | null;
  /** To store for the rule once the message has been handed over. */
  readonly nextCursor: { readonly ruleId: RuleId; readonly nodeId: NodeId } | null;
  /** null: the message has no session. */
  readonly session: SessionOutcome | null;
  /** null: no rule applied with a candidate, or the session or the sender chose. */
  readonly rule: CompiledRule | null;
  readonly evidence: RouteEvidence;
}

/** What `toDecision` explains the outcome with. */
export interface RouteEvidence {
  readonly message: RoutingMessage;
  readonly question: CandidateQuestion;
  readonly inferred: readonly InferredRequirement[];
  readonly strategy: Strategy;
  /** Rules that applied and had no candidate, before the one that decided. */
  readonly passedOver: readonly CompiledRule[];
  readonly ranking: Ranking;
  /** By position. */
  readonly standings: Uint8Array;
  /** By standing. */
  readonly counts: readonly number[];
}
