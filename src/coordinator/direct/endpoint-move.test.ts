import { expect, test } from "bun:test";
import { decideMove } from "./endpoint-move.ts";

test.each([
  ["another port of its machine", { from: "10.0.0.7:9121", to: "10.0.0.7:9200", caller: "192.0.2.1" }, "yes"],
  [
    "asked for by its machine",
    { from: "10.0.0.7:9121", to: "nas.example.com:9121", caller: "10.0.0.7" },
    "yes",
  ],
  [
    "its name in other letters",
    { from: "NAS.example.com:1", to: "nas.example.com:2", caller: "192.0.2.1" },
    "yes",
  ],
  ["its machine, in IPv6", { from: "10.0.0.7:1", to: "10.0.0.8:1", caller: "::ffff:10.0.0.7" }, "yes"],
  ["its machine, by IPv6", { from: "[fd00::7]:1", to: "[fd00::8]:1", caller: "fd00::7" }, "yes"],
  ["the caller's own machine", { from: "10.0.0.7:1", to: "10.0.0.8:1", caller: "10.0.0.8" }, "if_dead"],
  ["a third machine", { from: "10.0.0.7:1", to: "10.0.0.9:1", caller: "10.0.0.8" }, "no"],
  ["a third machine, the caller has left", { from: "10.0.0.7:1", to: "10.0.0.9:1", caller: "unknown" }, "no"],
  ["its own machine, after a link", { from: null, to: "10.0.0.7:1", caller: "10.0.0.7" }, "yes"],
  ["another machine, after a link", { from: null, to: "10.0.0.9:1", caller: "10.0.0.7" }, "if_dead"],
] as const)("a node's token and %s", (_, move, verdict) => {
  expect(decideMove(move)).toBe(verdict);
});
