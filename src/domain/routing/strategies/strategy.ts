import type { StrategyName } from "../../../protocol/rule.ts";
import type { Place } from "../mesh-index.ts";
import type { Random } from "../random.ts";

/** What a strategy may look at besides the nodes. */
export interface StrategyInput {
  readonly random: Random;
  /** Position of the node that the rule chose last; -1 at the first time, or when that node has left. */
  readonly lastPosition: number;
  /** The session, or the source of a message without one. */
  readonly conversation: string;
}

/**
 * How the nodes that a rule allows are ordered. Only nodes with a free slot are scored. Equal scores are settled by
 * `ranking.ts` in the same way for every strategy.
 */
export interface Strategy {
  readonly name: StrategyName;
  /** One number for the whole decision, which all its scores share: a seed, a cursor; 0 when there is none. */
  readonly draw: (input: StrategyInput) => number;
  /** Lower is better; finite. Must depend on node and draw alone, so that the order of the nodes never matters. */
  readonly score: (place: Place, draw: number) => number;
  /** Why the node stands where it stands, in a few words. */
  readonly why: (place: Place) => string;
}

/** Stands for "last" in scores. */
export const lastScore = 2 ** 40;

export function slotsText({ node }: Place): string {
  const foreign = node.foreignRuns === 0 ? "" : ` and ${node.foreignRuns} runs of others`;
  return `${node.inFlight} of ${node.slots} slots in use${foreign}`;
}

export function latencyText({ node }: Place): string {
  return node.latencyMs === 0 ? "no answer yet" : `answers in ${Math.round(node.latencyMs)} ms`;
}
