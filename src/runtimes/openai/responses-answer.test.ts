import { describe, expect, test } from "bun:test";
import { readResponsesAnswer } from "./responses-answer.ts";

const stream = (...events: readonly object[]) =>
  new Response(events.map((data) => `data: ${JSON.stringify(data)}\n\n`).join(""), {
    headers: { "content-type": "text/event-stream" },
  });
const delta = (text: string, item = "a") => ({
  type: "response.output_text.delta",
  item_id: item,
  delta: text,
});
const ending = (status: string, more: object = {}) => ({
  type: `response.${status}`,
  response: { status, output: [], ...more },
});
const message = (text: string) => ({ type: "message", content: [{ type: "output_text", text }] });

async function read(response: Response) {
  const chunks: string[] = [];
  const end = await readResponsesAnswer(response, (offset, text) => chunks.push(`${offset}:${text}`));
  return { end, chunks };
}

describe("an answer of /v1/responses", () => {
  test("is the text of its deltas, of several messages with a blank line between", async () => {
    const tool = { type: "response.output_item.done", item: { type: "function_call" } };
    const { end, chunks } = await read(
      stream(delta("I "), delta("look."), tool, delta("Found.", "b"), ending("completed")),
    );
    expect(end).toEqual({ kind: "finished", text: "I look.\n\nFound.", finishReason: "completed" });
    expect(chunks).toEqual(["0:I ", "2:look.", "7:\n\n", "9:Found."]);
  });

  test("is the text of the last event where none came before", async () => {
    const output = [{ type: "function_call" }, message("one"), message("two")];
    const { end, chunks } = await read(stream(ending("completed", { output })));
    expect(end).toMatchObject({ text: "one\n\ntwo" });
    expect(chunks).toEqual(["0:one\n\ntwo"]);
  });

  test("is read whole from a server that does not stream", async () => {
    const { end } = await read(
      Response.json({ object: "response", status: "completed", output: [message("all")] }),
    );
    expect(end).toEqual({ kind: "finished", text: "all", finishReason: "completed" });
  });

  test("that failed, broke off or was cancelled is none", async () => {
    const error = { code: "rate_limit_exceeded", message: "slow down" };
    for (const last of [ending("failed", { error }), { type: "error", ...error }, { error }]) {
      expect((await read(stream(delta("Well"), last))).end).toMatchObject({
        kind: "error",
        error: { message: "slow down", words: expect.arrayContaining(["rate_limit_exceeded"]) },
      });
    }
    expect((await read(stream(delta("Well"), ending("cancelled")))).end).toMatchObject({ kind: "error" });
    expect((await read(Response.json({ status: "failed", output: [] }))).end).toMatchObject({
      kind: "error",
    });
    expect((await read(stream(delta("Half")))).end).toEqual({ kind: "cut" });
  });

  test.each(["in_progress", "queued", "something_new"])(
    "that is %s is none, whatever it says",
    async (status) => {
      const half = { status, output: [message("half")] };
      expect((await read(Response.json(half))).end).toEqual({ kind: "cut" });
      const stray = { type: "response.completed", response: half };
      expect((await read(stream(delta("half"), stray))).end).toEqual({ kind: "cut" });
    },
  );

  test("that stopped for a reason tells it", async () => {
    const incomplete = ending("incomplete", { incomplete_details: { reason: "content_filter" } });
    expect((await read(stream(incomplete))).end).toEqual({
      kind: "finished",
      text: "",
      finishReason: "content_filter",
    });
  });

  test("that is a web page or other JSON is foreign", async () => {
    const page = new Response("<html>", { headers: { "content-type": "text/html" } });
    expect((await read(page)).end).toEqual({ kind: "foreign", contentType: "text/html" });
    expect((await read(Response.json({ hello: 1 }))).end).toMatchObject({ kind: "foreign" });
  });
});
