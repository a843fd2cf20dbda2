import { expect, test } from "bun:test";
import { readFrame } from "./chat-frames.ts";

const read = (frame: object) => readFrame(JSON.stringify(frame), 1_000);

test("a frame that matters to a run is read, without what it does not need", () => {
  expect(read({ type: "done", full_response: "hello", cost_usd: null })).toEqual({
    type: "done",
    full_response: "hello",
  });
  expect(read({ type: "error", message: "no", code: 7 })).toEqual({
    type: "error",
    message: "no",
    code: null,
  });
});

test.each([
  ["of another version", { type: "something_new", content: "x" }],
  ["of a broadcast", { type: "message", content: "x" }],
  ["without its text", { type: "done" }],
])("a frame %s is passed over", (_, frame) => {
  expect(read(frame)).toEqual({ type: "other" });
});

test("what is no JSON is passed over, and what is too long is not read", () => {
  expect(readFrame("<!doctype html>", 1_000)).toEqual({ type: "other" });
  expect(readFrame(JSON.stringify({ type: "done", full_response: "a".repeat(1_000) }), 1_000)).toEqual({
    type: "too_long",
  });
});

test("the name of a tool fits a line", () => {
  const frame = read({ type: "approval_request", request_id: "1", tool: "t".repeat(300) });
  expect(frame.type === "approval_request" && frame.tool).toHaveLength(128);
});
