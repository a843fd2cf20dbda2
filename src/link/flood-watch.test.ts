import { describe, expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import {
  createFloodWatch,
  maxBytes,
  maxIdleBytes,
  maxIdleFrames,
  maxMessages,
  maxParts,
  maxUselessFrames,
  maxUselessLength,
  type TakenMessage,
} from "./flood-watch.ts";

const pong = [{ type: "pong" as const }];
const work = [{ type: "started" as const, task: systemIds.task(), attempt: 1 }];

const of = (frames: TakenMessage["frames"], bytes: number, ignored = 0): TakenMessage => ({
  frames,
  ignored,
  parts: 0,
  bytes,
});

/** How often the same thing may be done before it is too much. */
function countUntilFlooded(take: () => string | null, limit: number): number {
  for (let count = 0; count <= limit; count += 1) if (take() !== null) return count;
  return Number.POSITIVE_INFINITY;
}

describe("a peer is closed in one window", () => {
  const flood = () => createFloodWatch();

  test("after so many messages that do no work", () => {
    const { takeMessage } = flood();
    expect(countUntilFlooded(() => takeMessage(of(pong, 2), 1), maxIdleFrames)).toBe(maxIdleFrames);
  });

  test("after so many messages with nothing in them", () => {
    const { takeMessage } = flood();
    expect(countUntilFlooded(() => takeMessage(of([], 2), 1), maxIdleFrames)).toBe(maxIdleFrames);
  });

  test("after so many pings", () => {
    const { takePing } = flood();
    expect(countUntilFlooded(() => takePing(1), maxIdleFrames)).toBe(maxIdleFrames);
  });

  test("after so many bytes of messages that do no work", () => {
    const { takeMessage } = flood();
    expect(takeMessage(of(pong, maxIdleBytes), 1)).toBeNull();
    expect(takeMessage(of(pong, 1), 1)).not.toBeNull();
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
    expect(countUntilFlooded(() => takeMessage(of(work, 2), 1), maxMessages)).toBe(maxMessages);
  });

  test("after so many bytes of any kind", () => {
    const { takeMessage } = flood();
    expect(takeMessage(of(work, maxBytes), 1)).toBeNull();
    expect(takeMessage(of(work, 1), 5_001)).not.toBeNull();
  });
});

test("the next window counts from the beginning", () => {
  const { takeMessage, takeUseless } = createFloodWatch();
  for (let said = 0; said < maxIdleFrames; said += 1) takeMessage(of(pong, 2), 1);
  for (let said = 0; said < maxUselessFrames; said += 1) takeUseless(0, 1);
  expect(takeMessage(of(pong, 2), 5_002)).toBeNull();
  expect(takeUseless(0, 5_002)).toBeNull();
});

describe("what is beside work in one message", () => {
  test("counts as idle by its frames", () => {
    const { takeMessage } = createFloodWatch();
    const half = Array.from({ length: maxIdleFrames / 2 }, () => pong).flat();
    expect(takeMessage(of([...half, ...work], 200), 1)).toBeNull();
    expect(takeMessage(of([...half, ...work], 200), 1)).toBeNull();
    expect(takeMessage(of([...pong, ...work], 200), 1)).not.toBeNull();
  });

  test("counts as idle by its even share of the bytes", () => {
    const { takeMessage } = createFloodWatch();
    expect(takeMessage(of([...pong, ...work], 2 * maxIdleBytes), 1)).toBeNull();
    expect(takeMessage(of([...pong, ...work], 4), 1)).not.toBeNull();
  });

  test("counts as useless when nobody knows what it is", () => {
    const { takeMessage } = createFloodWatch();
    expect(takeMessage(of(work, 2_000, maxUselessFrames), 1)).toBeNull();
    expect(takeMessage(of(work, 2_000, 1), 1)).not.toBeNull();
  });

  test("counts by the parts that no work has", () => {
    const { takeMessage } = createFloodWatch();
    const message = { frames: [...work, ...work], ignored: 0, bytes: 4_000 };
    expect(takeMessage({ ...message, parts: maxParts + 32 }, 1)).toBeNull();
    expect(takeMessage({ ...message, parts: 32 }, 1)).toBeNull();
    expect(takeMessage({ ...message, parts: 33 }, 1)).not.toBeNull();
  });

  test("does not hinder work, of which there may be any number", () => {
    const { takeMessage } = createFloodWatch();
    for (let said = 0; said < 2 * maxIdleFrames; said += 1) {
      expect(takeMessage(of([...work, ...work], 200), 1)).toBeNull();
    }
  });
});
