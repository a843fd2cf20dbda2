import { mixBits, toFraction } from "../text-hash.ts";
import { type Strategy, slotsText } from "./strategy.ts";

/** Any node, all equally likely. One random number seeds the order of all. */
export const random: Strategy = {
  name: "random",
  draw: (input) => Math.floor(input.random.next() * 2 ** 32),
  score: ({ idHash }, seed) => toFraction(mixBits(idHash ^ seed)),
  why: (place) => `drawn, ${slotsText(place)}`,
};
