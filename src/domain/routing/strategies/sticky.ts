import { hashText, mixBits } from "../text-hash.ts";
import { type Strategy, slotsText } from "./strategy.ts";

/**
 * The same node for the same conversation, without memory: every node gets a score from a hash of itself and the
 * session, or the source (rendezvous hashing). When a node goes, only its own conversations move.
 */
export const sticky: Strategy = {
  name: "sticky",
  draw: ({ conversation }) => hashText(conversation),
  score: ({ idHash }, conversationHash) => mixBits(idHash ^ conversationHash) / 2 ** 32,
  why: (place) => `chosen by the conversation, ${slotsText(place)}`,
};
