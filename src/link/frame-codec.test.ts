import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { TaskId } from "../protocol/ids.ts";
import { type CoordinatorFrame, maxChunkLength, type NodeFrame } from "../protocol/link/v1/frames.ts";
import { decodeCoordinatorFrames, decodeNodeFrames, encodeFrame, joinFrames } from "./frame-codec.ts";

const task = fc
  .string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 })
  .map((hex) => `task_${hex}` as TaskId);
const attempt = fc.integer({ min: 1, max: 1000 });
const text = fc.string({ unit: "binary", maxLength: 200 });
const offset = fc.nat();
const ref = { task, attempt };

const nodeFrame: fc.Arbitrary<NodeFrame> = fc.oneof(
  fc.record({ type: fc.constant("started" as const), ...ref }),
  fc.record({ type: fc.constant("cancelled" as const), ...ref }),
  fc.record({ type: fc.constant("chunk" as const), ...ref, offset, text }),
  fc.record({ type: fc.constant("chunk" as const), ...ref, offset, text, final: fc.constant(true as const) }),
  fc.record({ type: fc.constant("result" as const), ...ref, length: offset, text }),
  fc.record({
    type: fc.constant("failed" as const),
    ...ref,
    failure: fc.record({
      class: fc.constantFrom("runtime_error" as const, "timeout" as const),
      message: text,
    }),
  }),
  fc.record({
    type: fc.constant("lost" as const),
    ...ref,
    started: fc.boolean(),
    fenced: fc.boolean(),
    reason: text,
  }),
  fc.record({ type: fc.constant("goodbye" as const), reason: text }),
  fc.record({ type: fc.constant("pong" as const) }),
);

const coordinatorFrame: fc.Arbitrary<CoordinatorFrame> = fc.oneof(
  fc.record({ type: fc.constant("ack" as const), ...ref }),
  fc.record({
    type: fc.constant("offer" as const),
    ...ref,
    content: text,
    source: fc.string({ unit: "binary", maxLength: 100 }),
    effects: fc.constantFrom("safe" as const, "unsafe" as const),
    timeout_ms: fc.integer({ min: 1, max: 7 * 24 * 3600 * 1000 }),
  }),
  fc.record({
    type: fc.constant("cancel" as const),
    ...ref,
    reason: fc.constantFrom("cancelled" as const, "timeout" as const, "superseded" as const),
  }),
);

describe("frame codec", () => {
  test("frames survive the wire in whatever batches they go", () => {
    fc.assert(
      fc.property(fc.array(nodeFrame), fc.nat(), (frames, at) => {
        const cut = frames.length === 0 ? 0 : at % frames.length;
        const received = [frames.slice(0, cut), frames.slice(cut)].flatMap((batch): readonly unknown[] => {
          const decoded = decodeNodeFrames(joinFrames(batch.map((frame) => encodeFrame(frame))));
          return decoded.ok ? [...decoded.frames] : [decoded.reason];
        });
        expect(received).toEqual(frames);
      }),
    );
    fc.assert(
      fc.property(fc.array(coordinatorFrame), (frames) => {
        const decoded = decodeCoordinatorFrames(joinFrames(frames.map((frame) => encodeFrame(frame))));
        expect(decoded).toMatchObject({ ok: true, frames, ignored: 0 });
      }),
    );
  });

  test("never throws, whatever arrives", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (message) => {
        expect(typeof decodeNodeFrames(message).ok).toBe("boolean");
      }),
    );
  });

  test("passes over frames of unknown types and unknown fields of known ones", () => {
    const id = `task_${"0".repeat(32)}`;
    const message = JSON.stringify([
      { type: "from-the-future", task: 7 },
      { type: "started", task: id, attempt: 1, colour: "red" },
    ]);
    expect(decodeNodeFrames(message)).toEqual({
      ok: true,
      frames: [{ type: "started", task: id as TaskId, attempt: 1 }],
      ignored: 1,
      parts: 0,
    });
  });

  test.each([
    ["no JSON", "{"],
    ["no array", "{}"],
    ["a frame that is no object", "[1]"],
    ["a frame without a type", "[{}]"],
    ["a broken id", '[{"type":"started","task":"task_x","attempt":1}]'],
    [
      "a chunk that is too long",
      JSON.stringify([
        {
          type: "chunk",
          task: `task_${"0".repeat(32)}`,
          attempt: 1,
          offset: 0,
          text: "x".repeat(maxChunkLength + 1),
        },
      ]),
    ],
  ])("names the problem with %s", (_, message) => {
    const decoded = decodeNodeFrames(message);
    expect(decoded.ok).toBe(false);
    expect(decoded).toHaveProperty("reason");
  });
});
