import { describe, expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import {
  createFloodWatch,
  maxBytes,
  maxIdleBytes,
  maxIdleMessages,
  maxMessages,
  maxUselessFrames,
  maxUselessLength,
} from "./flood-watch.ts";

const pong = [{ type: "pong" as const }];
const work = [{ type: "started" as const, task: systemIds.task(), attempt: 1 }];

/** How often the same thing may be done before it is too much. */
function countUntilFlooded(take: () => string | null, limit: number): number {
  for (let count = 0; count <= limit; count += 1) if (take() !== null) return count;
  return Number.POSITIVE_INFINITY;
}

describe("a peer is closed in one window", () => {
  const flood = () => createFloodWatch();

  test("after so many messages that do no work", () => {
    const { takeMessage } = flood();
    expect(countUntilFlooded(() => takeMessage(pong, 2, 1), maxIdleMessages)).toBe(maxIdleMessages);
  });

  test("after so many messages with nothing in them", () => {
    const { takeMessage } = flood();
    expect(countUntilFlooded(() => takeMessage([], 2, 1), maxIdleMessages)).toBe(maxIdleMessages);
  });

  test("after so many pings", () => {
    const { takePing } = flood();
    expect(countUntilFlooded(() => takePing(1), maxIdleMessages)).toBe(maxIdleMessages);
  });

  test("after so many bytes of messages that do no work", () => {
    const { takeMessage } = flood();
    expect(takeMessage(pong, maxIdleBytes, 1)).toBeNull();
    expect(takeMessage(pong, 1, 1)).not.toBeNull();
  });

  test("after so many reports of attempts that it does not have", () => {
    const { takeUseless } = flood();
    expect(countUntilFlooded(() => takeUseless(0, 1), maxUselessFrames)).toBe(maxUselessFrames);
  });

  test("after so much text about attempts that it does not have", () => {
    const { takeUseless } = flood();
    expect(takeUseless(maxUselessLength, 1)).toBeNull();
    expect(takeUseless(1, 1)).not.toBeNull();
  });

  test("after so many messages of any kind", () => {
    const { takeMessage } = flood();
    expect(countUntilFlooded(() => takeMessage(work, 2, 1), maxMessages)).toBe(maxMessages);
  });

  test("after so many bytes of any kind", () => {
    const { takeMessage } = flood();
    expect(takeMessage(work, maxBytes, 1)).toBeNull();
    expect(takeMessage(work, 1, 5_001)).not.toBeNull();
  });
});

test("the next window counts from the beginning", () => {
  const { takeMessage, takeUseless } = createFloodWatch();
  for (let said = 0; said < maxIdleMessages; said += 1) takeMessage(pong, 2, 1);
  for (let said = 0; said < maxUselessFrames; said += 1) takeUseless(0, 1);
  expect(takeMessage(pong, 2, 5_002)).toBeNull();
  expect(takeUseless(0, 5_002)).toBeNull();
});

test("messages with work do not count as idle, whatever else they hold", () => {
  const { takeMessage } = createFloodWatch();
  for (let said = 0; said < 2 * maxIdleMessages; said += 1) {
    expect(takeMessage([...pong, ...work], 200, 1)).toBeNull();
  }
});
