import { maxNamedNodes } from "../../protocol/decision.ts";
import type { Place } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";

/**
 * The best nodes of a decision in order, at most {@link maxNamedNodes}: nobody gets to a twenty-first fallback, and
 * sorting a thousand nodes would cost more than the rest of the decision. Parallel arrays, so that a node that is not
 * among the best costs one comparison and no allocation.
 */
export class Ranking {
  readonly places: Place[] = [];
  /** Lower is better; comes before the score: tier of the target, then inferred needs that are not met. */
  readonly preferences: number[] = [];
  /** Lower is better. */
  readonly scores: number[] = [];
  /** All nodes that were offered. */
  count = 0;

  /** Nodes must come in the order of their positions: of two equal ones the earlier stays ahead. */
  offer(place: Place, preference: number, score: number): void {
    const { places, preferences, scores } = this;
    this.count++;
    let at = places.length;
    while (at > 0 && this.#isBefore(at - 1, place.node, preference, score)) at--;
    if (at === maxNamedNodes) return;
    for (let index = Math.min(places.length, maxNamedNodes - 1); index > at; index--) {
      places[index] = places[index - 1] ?? place;
      preferences[index] = preferences[index - 1] ?? 0;
      scores[index] = scores[index - 1] ?? 0;
    }
    places[at] = place;
    preferences[at] = preference;
    scores[at] = score;
  }

  /** Whether a node goes before the one that holds a rank. */
  #isBefore(held: number, node: NodeView, preference: number, score: number): boolean {
    const heldPreference = this.preferences[held] ?? 0;
    if (preference !== heldPreference) return preference < heldPreference;
    const heldScore = this.scores[held] ?? 0;
    if (score !== heldScore) return score < heldScore;
    const heldNode = this.places[held]?.node;
    return heldNode !== undefined && breaksTie(node, heldNode);
  }
}

/** Among nodes that a strategy finds equal: less busy, then quicker, then heavier; then the order of the places. */
function breaksTie(node: NodeView, other: NodeView): boolean {
  const busy = (node.inFlight + node.foreignRuns) / node.slots;
  const otherBusy = (other.inFlight + other.foreignRuns) / other.slots;
  if (busy !== otherBusy) return busy < otherBusy;
  if (node.latencyMs !== other.latencyMs) return node.latencyMs < other.latencyMs;
  return node.weight > other.weight;
}
