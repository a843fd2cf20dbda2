import { expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import { createFloodWatch, maxIdleMessagesPerBeat } from "./flood-watch.ts";

const pong = [{ type: "pong" as const }];

test("a peer may say nothing much a thousand times in a window, not more", () => {
  const flood = createFloodWatch();
  for (let said = 0; said < maxIdleMessagesPerBeat; said += 1) expect(flood.isFloodedBy(pong, 1)).toBe(false);
  expect(flood.isFloodedBy(pong, 5_001)).toBe(true);
});

test("the next window counts from the beginning", () => {
  const flood = createFloodWatch();
  for (let said = 0; said < maxIdleMessagesPerBeat; said += 1) flood.isFloodedBy(pong, 1);
  expect(flood.isFloodedBy(pong, 5_002)).toBe(false);
});

test("messages with work do not count, whatever else they hold", () => {
  const flood = createFloodWatch();
  const started = { type: "started" as const, task: systemIds.task(), attempt: 1 };
  for (let said = 0; said < 2 * maxIdleMessagesPerBeat; said += 1) {
    expect(flood.isFloodedBy([...pong, started], 1)).toBe(false);
  }
});
