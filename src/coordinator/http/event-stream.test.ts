import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { MeshError } from "../../protocol/errors.ts";
import {
  createEventStreams,
  defaultStreamLimits,
  type EventSource,
  maxPieceBytes,
  type ServerSentEvent,
} from "./event-stream.ts";

/** A source that the test fills. */
function createSource() {
  let waiting: ServerSentEvent[] = [];
  let hasEnd = false;
  let listener: (() => void) | null = null;
  let goneCount = 0;
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
  };
  return {
    source,
    say: (...data: readonly unknown[]) => {
      waiting.push(...data.map((one) => ({ event: "said", data: one })));
      listener?.();
    },
    sayQuietly: (data: unknown) => {
      waiting.push({ event: "said", data });
    },
    sayWithId: (id: string, data: unknown) => {
      waiting.push({ event: "said", data, id });
      listener?.();
    },
    end: () => {
      hasEnd = true;
      listener?.();
    },
    goneCount: () => goneCount,
    isHeard: () => listener !== null,
  };
}

function open() {
  const clock = createManualClock();
  const made = createSource();
  const streams = createEventStreams(createDeadlines(clock));
  const revocation = new AbortController();
  const caller = {
    principal: { revoked: revocation.signal },
    farewell: () => ({ event: "error", data: { code: "TOKEN_INVALID" } }),
  };
  const response = streams.take("192.0.2.1", null).answer(made.source, caller, { "x-test": "1" });
  if (response.body === null) throw new Error("the answer has no body");
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const read = async () => {
    const { value, done } = await reader.read();
    return done ? null : decoder.decode(value, { stream: true });
  };
  const revoke = () => revocation.abort();
  return { ...made, clock, streams, response, reader, read, revoke };
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

  test("writes the id of an event that has one", async () => {
    const { sayWithId, read } = open();
    sayWithId("a:1", 1);
    expect(await read()).toBe("id: a:1\nevent: said\ndata: 1\n\n");
  });

  test("hands a long event over in pieces, at the pace of its reader", async () => {
    const { say, end, read } = open();
    const text = "ü".repeat(5 * maxPieceBytes);
    say({ text });
    end();
    const pieces: string[] = [];
    for (let piece = await read(); piece !== null; piece = await read()) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.join("")).toBe(`event: said\ndata: {"text":"${text}"}\n\n`);
  });

  test("waits for events, and ends after the last", async () => {
    const { say, end, read, isHeard, streams } = open();
    const first = read();
    say(1);
    expect(await first).toContain("data: 1");
    say(2);
    end();
    expect(await read()).toContain("data: 2");
    expect(await read()).toBeNull();
    expect(isHeard()).toBe(false);
    expect(streams.count()).toBe(0);
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
    let seconds = 0;
    const isSilent = () => Promise.race([piece.then(() => false), Bun.sleep(0).then(() => true)]);
    for (; await isSilent(); seconds += 1) clock.advance(1_000);
    expect(await piece).toBe(": keep-alive\n\n");
    expect(seconds).toBeWithin(15, 17);
  });

  test("finds what a source has to say without calling", async () => {
    const { clock, sayQuietly, read } = open();
    const piece = read();
    await Bun.sleep(0);
    sayQuietly(1);
    clock.advance(1_100);
    expect(await piece).toContain("data: 1");
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

  test("ends at once, with a word why, when its reader may read no more", async () => {
    const { say, read, revoke, streams, goneCount, isHeard } = open();
    say("before");
    expect(await read()).toContain("before");
    const next = read();
    revoke();
    say("after");
    expect(await next).toBe('event: error\ndata: {"code":"TOKEN_INVALID"}\n\n');
    expect(await read()).toBeNull();
    expect(streams.count()).toBe(0);
    expect(goneCount()).toBe(1);
    expect(isHeard()).toBeFalse();
  });

  test("does not give what was taken already to a reader who may read no more", async () => {
    const { say, read, revoke } = open();
    say("x".repeat(5 * maxPieceBytes));
    expect(await read()).toContain("x");
    revoke();
    const rest = [await read(), await read(), await read()].filter((piece) => piece !== null).join("");
    // One piece had been handed to the connection.
    expect(rest.length).toBeLessThan(2 * maxPieceBytes);
    expect(rest).toEndWith('event: error\ndata: {"code":"TOKEN_INVALID"}\n\n');
  });

  test("gives its place free when its reader leaves", async () => {
    const { reader, say, streams } = open();
    say(1);
    await reader.read();
    expect(streams.count()).toBe(1);
    await reader.cancel();
    expect(streams.count()).toBe(0);
  });
});

test("streams are refused beyond their limit, until one ends", () => {
  const { overall: limit } = defaultStreamLimits;
  const limits = { overall: limit, perClient: limit };
  const streams = createEventStreams(createDeadlines(createManualClock()), limits);
  const places = Array.from({ length: limit }, () => streams.take("192.0.2.1", null));
  const refusal = () => {
    try {
      streams.take("192.0.2.1", null);
    } catch (error) {
      return error instanceof MeshError ? error.code : error;
    }
  };
  expect(refusal()).toBe("QUEUE_FULL");
  places[0]?.release();
  places[0]?.release();
  expect(streams.count()).toBe(limit - 1);
  expect(refusal()).toBeUndefined();
  expect(refusal()).toBe("QUEUE_FULL");
});

test("streams of one client are refused beyond its limit, while others get theirs", () => {
  const limits = { overall: 10, perClient: 2 };
  const streams = createEventStreams(createDeadlines(createManualClock()), limits);
  const place = streams.take("2001:db8::1", null);
  streams.take("2001:db8::2", null);
  expect(() => streams.take("2001:db8:0:0:ffff::3", null)).toThrow(
    expect.objectContaining({ code: "TOO_MANY_REQUESTS" }),
  );
  streams.take("2001:db8:0:1::1", null);
  place.release();
  streams.take("2001:db8::4", null);
  expect(streams.count()).toBe(3);
});

test("streams of one token are at most half of all, from wherever they are opened, but for the owner's", () => {
  const limits = { overall: 10, perClient: 10 };
  const streams = createEventStreams(createDeadlines(createManualClock()), limits);
  const take = (subject: string | null, index: number) => streams.take(`192.0.2.${index}`, subject);
  const places = Array.from({ length: 5 }, (_, index) => take("token_a", index));
  expect(() => take("token_a", 9)).toThrow(expect.objectContaining({ code: "TOO_MANY_REQUESTS" }));
  take("token_b", 9);
  places[0]?.release();
  take("token_a", 9);
  for (let index = 0; index < 4; index += 1) take(null, index);
  expect(() => take(null, 9)).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
});
