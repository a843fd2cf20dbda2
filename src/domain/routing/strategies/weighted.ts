import { mixBits, toFraction } from "../text-hash.ts";
import { lastScore, type Strategy, slotsText } from "./strategy.ts";

/**
 * Random in proportion to the weights: weight 2 gets twice as many messages as weight 1. Weight 0 gets one only when
 * nobody else can. Each node waits for an exponential time with its weight as the rate; the first one wins.
 */
export const weighted: Strategy = {
  name: "weighted",
  draw: (input) => Math.floor(input.random.next() * 2 ** 32),
  score: ({ node, idHash }, seed) =>
    node.weight > 0 ? -Math.log(toFraction(mixBits(idHash ^ seed))) / node.weight : lastScore,
  why: (place) => `weight ${place.node.weight}, ${slotsText(place)}`,
};
