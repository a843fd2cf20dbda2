import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { type EventSource, eventStreamAnswer, type ServerSentEvent } from "./event-stream.ts";

/** A source that the test fills. */
function createSource() {
  let waiting: ServerSentEvent[] = [];
  let hasEnd = false;
  let listener: (() => void) | null = null;
  let goneCount = 0;
  let endCount = 0;
  const source: EventSource = {
    take: () => {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    isOver: () => hasEnd && waiting.length === 0,
    onMore: (callback) => {
      listener = callback;
      return () => {
        listener = null;
      };
    },
    onGone: () => {
      goneCount += 1;
    },
    onEnd: () => {
      endCount += 1;
    },
  };
  return {
    source,
    say: (...data: readonly unknown[]) => {
      waiting.push(...data.map((one) => ({ event: "said", data: one })));
      listener?.();
    },
    end: () => {
      hasEnd = true;
      listener?.();
    },
    goneCount: () => goneCount,
    endCount: () => endCount,
    isHeard: () => listener !== null,
  };
}

function open() {
  const clock = createManualClock();
  const made = createSource();
  const response = eventStreamAnswer(made.source, createDeadlines(clock), { "x-test": "1" });
  if (response.body === null) throw new Error("the answer has no body");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const read = async () => {
    const { value, done } = await reader.read();
    return done ? null : decoder.decode(value);
  };
  return { ...made, clock, response, reader, read };
}

describe("an event stream", () => {
  test("writes each event with its name and its data in one line", async () => {
    const { response, say, read } = open();
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-test")).toBe("1");
    say({ text: "two\nlines" });
    expect(await read()).toBe('event: said\ndata: {"text":"two\\nlines"}\n\n');
  });

  test("waits for events, and ends after the last", async () => {
    const { say, end, read, isHeard, endCount } = open();
    const first = read();
    say(1);
    expect(await first).toContain("data: 1");
    say(2);
    end();
    expect(await read()).toContain("data: 2");
    expect(await read()).toBeNull();
    expect(isHeard()).toBe(false);
    expect(endCount()).toBe(1);
  });

  test("asks for no more than one piece ahead of its reader, who then gets the rest together", async () => {
    const { say, read } = open();
    say(1);
    await Promise.resolve();
    for (let index = 2; index <= 5; index += 1) say(index);
    expect(await read()).toContain("data: 1");
    const rest = await read();
    for (let index = 2; index <= 5; index += 1) expect(rest).toContain(`data: ${index}`);
  });

  test("says that it lives when nothing happens", async () => {
    const { clock, read } = open();
    const piece = read();
    await Promise.resolve();
    clock.advance(15_100);
    expect(await piece).toBe(": keep-alive\n\n");
  });

  test("tells the source once when the reader leaves, and lets go of it", async () => {
    const { reader, say, goneCount, isHeard } = open();
    say(1);
    await reader.read();
    await reader.cancel();
    expect(goneCount()).toBe(1);
    expect(isHeard()).toBe(false);
    say(2);
  });

  test("does not take a reader who has it all for one who left", async () => {
    const { reader, say, end, goneCount } = open();
    say(1);
    end();
    while (!(await reader.read()).done);
    await reader.cancel();
    expect(goneCount()).toBe(0);
  });
});
