import { describe, expect, test } from "bun:test";
import { maxAnswerBytes } from "../../protocol/task.ts";
import { createTextAnswer } from "./text-answer.ts";

/** What becomes of the pieces: the result, and the text that the chunks amount to. */
function read(pieces: readonly (string | Uint8Array)[]) {
  let shown = "";
  let isTooLarge = false;
  const answer = createTextAnswer({
    onChunk: ({ offset, text }) => {
      shown = shown.slice(0, offset) + text;
    },
    onTooLarge: () => {
      isTooLarge = true;
    },
  });
  for (const piece of pieces)
    answer.push(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
  answer.end();
  return { result: answer.result(), shown, isTooLarge };
}

describe("an answer in plain text", () => {
  test.each([
    ["without its last line ends", ["one\r\n\n two \n\r\n"], "one\r\n\n two "],
    ["with line ends that something follows", ["one\n", "\n", "two\n", "\n"], "one\n\ntwo"],
    ["with line ends before it", ["\n", "one"], "\none"],
  ])("is what was printed %s", (_, pieces, text) => {
    expect(read(pieces)).toMatchObject({ result: { kind: "text", text }, shown: text });
  });

  test("is none when nothing but white space was printed", () => {
    expect(read([" \n", "\n"]).result).toEqual({ kind: "none", detail: "" });
    expect(read([]).result).toEqual({ kind: "none", detail: "" });
  });

  test("is too large when it is, line ends included", () => {
    expect(read(["x", "\n".repeat(maxAnswerBytes)]).isTooLarge).toBe(true);
    expect(read(["x", "\n".repeat(maxAnswerBytes - 1)])).toMatchObject({
      isTooLarge: false,
      result: { text: "x" },
    });
  });

  test.each([
    ["in one piece", ["\n".repeat(1024 * 1024)]],
    ["in many pieces", Array.from({ length: 4096 }, () => "\n".repeat(256))],
  ])("takes a million line ends %s in less than a second", (_, lineEnds) => {
    const startedAtMs = performance.now();
    expect(read([...lineEnds, "x", ...lineEnds]).shown).toHaveLength(1024 * 1024 + 1);
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });
});
