import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { maxChunkLength } from "../protocol/link/v1/frames.ts";
import { maxSnapshotLength } from "../protocol/task.ts";
import type { RunChunk } from "../runtimes/runtime.ts";
import { createRunText } from "./run-text.ts";

/** What a coordinator makes of chunks; fails on a gap. */
function createReceiver() {
  let text = "";
  return {
    take: (chunks: readonly RunChunk[]) => {
      for (const chunk of chunks) {
        expect(chunk.offset).toBeLessThanOrEqual(text.length);
        expect(chunk.text.length).toBeLessThanOrEqual(maxChunkLength);
        text = text.slice(0, chunk.offset) + chunk.text;
      }
    },
    text: () => text,
    cutTo: (length: number) => {
      text = text.slice(0, length);
    },
  };
}

describe("the text of a run", () => {
  test("merges small pieces into one chunk", () => {
    const text = createRunText();
    text.add({ offset: 0, text: "one " });
    text.add({ offset: 4, text: "two" });
    expect(text.takeChunks()).toEqual([{ offset: 0, text: "one two" }]);
    expect(text.isDirty()).toBe(false);
    text.add({ offset: 7, text: "!" });
    expect(text.takeChunks()).toEqual([{ offset: 7, text: "!" }]);
  });

  test("tells that the text starts again, also when nothing is left of it", () => {
    const text = createRunText();
    text.add({ offset: 0, text: "draft" });
    text.takeChunks();
    text.add({ offset: 0, text: "" });
    expect(text.takeChunks()).toEqual([{ offset: 0, text: "" }]);
  });

  test("cuts long text into chunks that fit a frame", () => {
    const text = createRunText();
    const receiver = createReceiver();
    const long = "x".repeat(maxChunkLength * 2 + 5);
    text.add({ offset: 0, text: long });
    receiver.take(text.takeChunks());
    expect(receiver.text()).toBe(long);
  });

  test("resumes where the coordinator is", () => {
    const text = createRunText();
    text.add({ offset: 0, text: "0123456789" });
    text.takeChunks();
    text.resumeFrom(6);
    expect(text.takeChunks()).toEqual([{ offset: 6, text: "6789" }]);
  });

  test("starts again when a former process had sent more than is known now", () => {
    const text = createRunText();
    text.resumeFrom(500);
    expect(text.takeChunks()).toEqual([]);
    text.add({ offset: 0, text: "again" });
    expect(text.takeChunks()).toEqual([{ offset: 0, text: "again" }]);
  });

  test("tells again that nothing is left of the text when that was lost with the link", () => {
    const text = createRunText();
    text.add({ offset: 0, text: "x" });
    text.takeChunks();
    text.add({ offset: 0, text: "" });
    text.takeChunks();
    text.resumeFrom(1);
    expect(text.takeChunks()).toEqual([{ offset: 0, text: "" }]);
  });

  test("starts again from what is kept when the coordinator is too far behind", () => {
    const text = createRunText();
    const receiver = createReceiver();
    const piece = "y".repeat(maxSnapshotLength);
    for (let index = 0; index < 5; index += 1) {
      text.add({ offset: index * piece.length, text: piece });
      receiver.take(text.takeChunks());
    }
    receiver.cutTo(10);
    text.resumeFrom(10);
    receiver.take(text.takeChunks());
    text.add({ offset: 5 * piece.length, text: "end" });
    receiver.take(text.takeChunks());
    expect(receiver.text().endsWith("yend")).toBe(true);
    expect(receiver.text().length).toBeLessThanOrEqual(2 * maxSnapshotLength + 3);
  });

  test("keeps a bounded part of the text while nobody takes it", () => {
    const text = createRunText();
    const receiver = createReceiver();
    const piece = "z".repeat(maxSnapshotLength);
    for (let index = 0; index < 5; index += 1) text.add({ offset: index * piece.length, text: piece });
    receiver.take(text.takeChunks());
    expect(receiver.text().length).toBeLessThanOrEqual(2 * maxSnapshotLength);
    expect(text.length()).toBe(receiver.text().length);
  });

  test("ends up the same at the coordinator whatever is replaced, lost and resumed", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), back: fc.nat(3), text: fc.string({ maxLength: 5 }) }),
      fc.record({ kind: fc.constant("take" as const) }),
      fc.record({ kind: fc.constant("lose" as const), at: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const text = createRunText();
        const receiver = createReceiver();
        let whole = "";
        for (const each of steps) {
          if (each.kind === "add") {
            const offset = Math.max(0, whole.length - each.back);
            whole = whole.slice(0, offset) + each.text;
            text.add({ offset, text: each.text });
          } else if (each.kind === "take") {
            receiver.take(text.takeChunks());
          } else {
            // The link broke: what was taken last may not have arrived.
            text.takeChunks();
            receiver.cutTo(each.at);
            text.resumeFrom(receiver.text().length);
          }
        }
        receiver.take(text.takeChunks());
        expect(receiver.text()).toBe(whole);
      }),
      { numRuns: 500 },
    );
  });
});
