import { type Strategy, slotsText } from "./strategy.ts";

/** More than there are nodes: who comes before the cursor goes behind all who come after it. */
const lap = 2 ** 31;

/** The next node by name after the one that the rule chose last. Nodes that come or go do not disturb the turn. */
export const roundRobin: Strategy = {
  name: "round-robin",
  draw: ({ lastPosition }) => lastPosition,
  score: ({ position }, lastPosition) =>
    position > lastPosition ? position - lastPosition : position - lastPosition + lap,
  why: (place) => `in turn, ${slotsText(place)}`,
};
