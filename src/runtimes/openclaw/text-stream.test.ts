import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RunChunk } from "../runtime.ts";
import { matchText } from "../text-change.ts";
import type { AssistantData } from "./gateway-schemas.ts";
import { nextText, noText } from "./text-stream.ts";

/** What a reader has after the events, and the chunks that brought it there. */
function read(events: readonly AssistantData[]): { text: string; chunks: readonly RunChunk[] } {
  const chunks: RunChunk[] = [];
  let soFar = noText;
  let text = "";
  for (const event of events) {
    const step = nextText(soFar, event);
    soFar = step.soFar;
    if (step.chunk === null) continue;
    expect(step.chunk.offset).toBeLessThanOrEqual(text.length);
    text = text.slice(0, step.chunk.offset) + step.chunk.text;
    chunks.push(step.chunk);
  }
  expect(text).toBe(soFar.text);
  return { text, chunks };
}

describe("nextText", () => {
  test("sends only what is new of a growing text", () => {
    const { text, chunks } = read([
      { itemId: "a:1", text: "part0", delta: "part0" },
      { itemId: "a:1", text: "part0 part1", delta: " part1" },
    ]);
    expect(text).toBe("part0 part1");
    expect(chunks).toEqual([
      { offset: 0, text: "part0" },
      { offset: 5, text: " part1" },
    ]);
  });

  test("closes the gap that a lost connection left", () => {
    const { text } = read([
      { itemId: "a:1", text: "one", delta: "one" },
      { itemId: "a:1", text: "one two three", delta: " three" },
    ]);
    expect(text).toBe("one two three");
  });

  test("starts again when a retry takes the text back", () => {
    const { text, chunks } = read([
      { itemId: "a:1", text: "half an ans", delta: "half an ans" },
      { itemId: "a:1", text: "", delta: "", replace: true },
      { itemId: "b:1", text: "whole", delta: "whole" },
    ]);
    expect(text).toBe("whole");
    expect(chunks).toEqual([
      { offset: 0, text: "half an ans" },
      { offset: 0, text: "" },
      { offset: 0, text: "whole" },
    ]);
  });

  test("starts again with a new item after a tool", () => {
    const { text, chunks } = read([
      { itemId: "a:1", text: "let me look", delta: "let me look" },
      { itemId: "a:2", text: "it is", delta: "it is" },
    ]);
    expect(text).toBe("it is");
    expect(chunks.at(-1)).toEqual({ offset: 0, text: "it is" });
  });

  test("is silent about a retry before any text, and about repeated text", () => {
    const again = { itemId: "a:1", text: "x", delta: "" };
    expect(read([{ itemId: "a:1", text: "", delta: "", replace: true }]).chunks).toEqual([]);
    expect(read([{ itemId: "a:1", text: "x", delta: "x" }, again]).chunks).toHaveLength(1);
  });

  test("adds deltas up when the whole text is left out", () => {
    expect(read([{ delta: "a" }, { delta: "b" }]).text).toBe("ab");
  });
});

describe("matchText", () => {
  test("turns any text into any other, without cutting a character in two", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (from, to) => {
        const chunk = matchText(from, to);
        const result = chunk === null ? from : from.slice(0, chunk.offset) + chunk.text;
        expect(result).toBe(to);
        if (chunk !== null) expect(from.slice(0, chunk.offset).isWellFormed()).toBe(true);
      }),
    );
  });

  test("keeps what both begin with", () => {
    expect(matchText("one two", "one three")).toEqual({ offset: 5, text: "hree" });
    expect(matchText("same", "same")).toBeNull();
  });
});
