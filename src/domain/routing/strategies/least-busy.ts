import { latencyText, type Strategy, slotsText } from "./strategy.ts";

/** The smallest share of slots in use, the runs of others in the same runtimes counted like its own. */
export const leastBusy: Strategy = {
  name: "least-busy",
  draw: () => 0,
  score: ({ node }) => (node.inFlight + node.foreignRuns) / node.slots,
  why: (place) => `${slotsText(place)}, ${latencyText(place)}`,
};
