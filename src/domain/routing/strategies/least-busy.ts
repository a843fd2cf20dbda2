import { latencyText, type Strategy, slotsText } from "./strategy.ts";

/** The smallest share of slots in use. */
export const leastBusy: Strategy = {
  name: "least-busy",
  draw: () => 0,
  score: ({ node }) => node.inFlight / node.slots,
  why: (place) => `${slotsText(place)}, ${latencyText(place)}`,
};
