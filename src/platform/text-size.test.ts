import { expect, test } from "bun:test";
import { exceedsBytes } from "./text-size.ts";

test.each([
  ["aaaa", 4, false],
  ["aaaaa", 4, true],
  ["鹭鸶", 6, false],
  ["鹭鸶", 5, true],
  ["🦩", 4, false],
  ["🦩", 3, true],
])("%s exceeds %i bytes: %p", (text, maxBytes, exceeds) => {
  expect(exceedsBytes(text, maxBytes)).toBe(exceeds);
});
