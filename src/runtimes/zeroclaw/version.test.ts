import { expect, test } from "bun:test";
import { keepsSessions, matchVersion, stopsTurns } from "./version.ts";

test.each([
  ["0.8.4", true, true],
  ["v0.10.0", true, true],
  ["1.0.0-rc.1", true, true],
  ["0.7.5", true, false],
  ["0.5.0", true, false],
  ["0.4.9", false, false],
  ["0.1.7", false, false],
])("%s keeps sessions: %p, stops turns: %p", (text, sessions, stops) => {
  const version = matchVersion(text);
  expect(version?.text).toBe(text);
  expect(keepsSessions(version)).toBe(sessions);
  expect(stopsTurns(version)).toBe(stops);
});

test.each(["", "latest", "0", "0.8x"])("%p is no version, and nothing is expected of it", (text) => {
  expect(matchVersion(text)).toBeNull();
  expect(keepsSessions(null)).toBe(false);
  expect(stopsTurns(null)).toBe(false);
});
