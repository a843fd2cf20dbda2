import { lastScore, latencyText, type Strategy, slotsText } from "./strategy.ts";

/**
 * The shortest mean answer time. A node that has not answered yet is tried first, with one message at a time: until its
 * answer is there, the others count as faster.
 */
export const fastest: Strategy = {
  name: "fastest",
  draw: () => 0,
  score: ({ node }) => {
    if (node.latencyMs > 0) return node.latencyMs;
    return node.inFlight === 0 ? 0 : lastScore;
  },
  why: (place) => `${latencyText(place)}, ${slotsText(place)}`,
};
