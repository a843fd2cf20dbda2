import { afterEach, describe, expect, test } from "bun:test";
import type { CoordinatorLink, LinkServerHandlers } from "../../src/link/coordinator-link.ts";
import { createLinkServer, type LinkServer } from "../../src/link/link-server.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { type CoordinatorFrame, closeCodes, type NodeFrame } from "../../src/protocol/link/v1/frames.ts";

interface Seen {
  readonly frames: NodeFrame[];
  readonly closed: { code: number; reason: string; unsent: readonly CoordinatorFrame[] }[];
}

const opened: { stop: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
});

/** A server whose handlers only record; `next` resolves with the next link that said hello. */
function openServer(parts: { beatMs?: number; onFrames?: (frames: readonly NodeFrame[]) => void } = {}) {
  const seen: Seen = { frames: [], closed: [] };
  const hellos: ((link: CoordinatorLink<string>) => void)[] = [];
  const closes: (() => void)[] = [];
  const handlers: LinkServerHandlers<string> = {
    onFrames: (link, frames) => {
      parts.onFrames?.(frames);
      seen.frames.push(...frames);
      if (frames[0]?.type === "hello") hellos.shift()?.(link);
    },
    onClosed: (_link, why, unsent) => {
      seen.closed.push({ ...why, unsent });
      closes.shift()?.();
    },
  };
  const links: LinkServer<string> = createLinkServer({
    clock: systemClock,
    beatMs: () => parts.beatMs ?? 60_000,
    handlers,
  });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request, server) => {
      const who = request.headers.get("authorization") ?? "nobody";
      return server.upgrade(request, { data: links.dataFor(who, "test") })
        ? undefined
        : new Response("no", { status: 400 });
    },
    websocket: links.websocket,
  });
  links.start();
  opened.push({
    stop: async () => {
      links.closeAll(closeCodes.goingAway, "test ends");
      links.stop();
      await server.stop(true);
    },
  });
  return {
    url: `ws://127.0.0.1:${server.port}/`,
    links,
    seen,
    nextHello: () => new Promise<CoordinatorLink<string>>((resolve) => hellos.push(resolve)),
    nextClose: () => new Promise<void>((resolve) => closes.push(resolve)),
  };
}

/** A bare WebSocket client, so that the server is seen from outside. */
async function dial(url: string) {
  const socket = new WebSocket(url);
  const texts: string[] = [];
  const waiting: ((text: string) => void)[] = [];
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  socket.onmessage = (event) => {
    const waiter = waiting.shift();
    if (waiter === undefined) texts.push(String(event.data));
    else waiter(String(event.data));
  };
  socket.onclose = (event) => closed.resolve({ code: event.code, reason: event.reason });
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error("the socket did not open"));
  });
  return {
    socket,
    closed: closed.promise,
    nextMessage: (): Promise<unknown> => {
      const text = texts.shift();
      if (text !== undefined) return Promise.resolve(JSON.parse(text));
      return new Promise((resolve) => waiting.push((late) => resolve(JSON.parse(late))));
    },
  };
}

function hello(): NodeFrame {
  return {
    type: "hello",
    versions: [1],
    software: "test",
    name: "heron",
    instance: systemIds.instance(),
    capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
    slots: 4,
    runtimes: [],
    running: [],
    unacknowledged: [],
  };
}

const say = (socket: WebSocket, frames: readonly unknown[]) => socket.send(JSON.stringify(frames));

describe("link server", () => {
  test("hands over hello and what follows in order, without pong and unknown types", async () => {
    const server = openServer();
    const client = await dial(server.url);
    const link = server.nextHello();
    const task = systemIds.task();
    say(client.socket, [
      hello(),
      { type: "from-the-future", x: 1 },
      { type: "pong" },
      { type: "started", task, attempt: 1, news: true },
    ]);
    await link;
    expect(server.seen.frames.map((frame) => frame.type)).toEqual(["hello", "started"]);
  });

  test("sends the first frame at once and the rest of the turn as one message", async () => {
    const server = openServer();
    const client = await dial(server.url);
    const next = server.nextHello();
    say(client.socket, [hello()]);
    const link = await next;
    const tasks = [systemIds.task(), systemIds.task(), systemIds.task()];
    for (const task of tasks) link.send({ type: "ack", task, attempt: 1 });
    expect(await client.nextMessage()).toEqual([{ type: "ack", task: tasks[0], attempt: 1 }]);
    expect(await client.nextMessage()).toEqual([
      { type: "ack", task: tasks[1], attempt: 1 },
      { type: "ack", task: tasks[2], attempt: 1 },
    ]);
  });

  const broken: readonly [string, (socket: WebSocket) => void][] = [
    ["text that is not JSON", (socket) => socket.send("hello?")],
    ["JSON that is not an array", (socket) => socket.send(JSON.stringify(hello()))],
    ["a binary message", (socket) => socket.send(new Uint8Array([1, 2, 3]))],
    ["a first frame other than hello", (socket) => say(socket, [{ type: "goodbye", reason: "x" }])],
    ["a second hello", (socket) => say(socket, [hello(), hello()])],
    ["a known frame that does not parse", (socket) => say(socket, [hello(), { type: "started", task: "x" }])],
    ["a frame without a type", (socket) => say(socket, [hello(), 7])],
  ];
  for (const [name, send] of broken) {
    test(`closes only the link that sends ${name}`, async () => {
      const server = openServer();
      const good = await dial(server.url);
      const goodSession = server.nextHello();
      say(good.socket, [hello()]);
      const survivor = await goodSession;
      const bad = await dial(server.url);
      send(bad.socket);
      expect((await bad.closed).code).toBe(closeCodes.protocolError);
      const alive = survivor.isAlive(5_000);
      await good.nextMessage();
      say(good.socket, [{ type: "pong" }]);
      expect(await alive).toBe(true);
    });
  }

  test("closes a link whose message is over the size limit", async () => {
    const server = openServer();
    const client = await dial(server.url);
    client.socket.send(`["${"x".repeat(4 * 1024 * 1024)}"]`);
    expect((await client.closed).code).toBe(1009);
  });

  test("closes a flood of messages that do no work", async () => {
    const server = openServer();
    const client = await dial(server.url);
    say(client.socket, [hello()]);
    for (let index = 0; index < 1_100; index += 1) say(client.socket, [{ type: "pong" }]);
    expect((await client.closed).code).toBe(closeCodes.protocolError);
  });

  test("pings an idle link and closes it after three silent beats", async () => {
    const server = openServer({ beatMs: 100 });
    const client = await dial(server.url);
    const closed = server.nextClose();
    say(client.socket, [hello()]);
    expect(await client.nextMessage()).toEqual([{ type: "ping", quiet: true }]);
    expect((await client.closed).code).toBe(closeCodes.silent);
    await closed;
    expect(server.seen.closed).toMatchObject([{ code: closeCodes.silent }]);
    expect([...server.links.open()]).toEqual([]);
  });

  test("keeps a link that answers its pings", async () => {
    const server = openServer({ beatMs: 100 });
    const client = await dial(server.url);
    const next = server.nextHello();
    say(client.socket, [hello()]);
    const link = await next;
    for (let beats = 0; beats < 6; beats += 1) {
      await client.nextMessage();
      say(client.socket, [{ type: "pong" }]);
    }
    expect(link.isOpen).toBe(true);
  });

  test("tells within the time whether a peer is alive", async () => {
    const server = openServer();
    const client = await dial(server.url);
    const next = server.nextHello();
    say(client.socket, [hello()]);
    const link = await next;
    const answered = link.isAlive(5_000);
    await client.nextMessage();
    say(client.socket, [{ type: "pong" }]);
    expect(await answered).toBe(true);
    expect(await link.isAlive(50)).toBe(false);
    const cut = link.isAlive(5_000);
    client.socket.close();
    expect(await cut).toBe(false);
  });

  test("hands back what was never written when the peer does not read", async () => {
    const server = openServer();
    const client = await dial(server.url);
    const next = server.nextHello();
    say(client.socket, [hello()]);
    const link = await next;
    client.socket.pause?.();
    const closed = server.nextClose();
    const content = "x".repeat(1024 * 1024);
    let sent = 0;
    while (link.isOpen && sent < 200) {
      link.send({
        type: "offer",
        task: systemIds.task(),
        attempt: 1,
        content,
        source: "test",
        effects: "safe",
        timeout_ms: 1_000,
      });
      sent += 1;
      await Bun.sleep(1);
    }
    await closed;
    expect(server.seen.closed[0]?.code).toBe(closeCodes.tooSlow);
    expect(server.seen.closed[0]?.unsent.length).toBeGreaterThan(0);
    expect(sent).toBeLessThan(200);
  });

  test("closes only the link whose handler throws", async () => {
    const server = openServer({
      onFrames: (frames) => {
        if (frames.some((frame) => frame.type === "goodbye")) throw new Error("a fault");
      },
    });
    const client = await dial(server.url);
    say(client.socket, [hello(), { type: "goodbye", reason: "x" }]);
    expect((await client.closed).code).toBe(1011);
  });

  test("tells of every close once, also when it closed the link itself", async () => {
    const server = openServer();
    const client = await dial(server.url);
    const next = server.nextHello();
    say(client.socket, [hello()]);
    const link = await next;
    const closed = server.nextClose();
    link.close(closeCodes.replaced, "NODE_ALREADY_LINKED");
    link.close(closeCodes.removed, "again");
    link.send({ type: "ping" });
    await closed;
    expect(await client.closed).toEqual({ code: closeCodes.replaced, reason: "NODE_ALREADY_LINKED" });
    // Another link comes and goes: a second report of the first would have come before.
    const later = await dial(server.url);
    const laterClosed = server.nextClose();
    later.socket.close(1000, "later");
    await laterClosed;
    expect(server.seen.closed.splice(1)).toMatchObject([{ code: 1000, reason: "later" }]);
    expect(server.seen.closed).toEqual([
      { code: closeCodes.replaced, reason: "NODE_ALREADY_LINKED", unsent: [{ type: "ping" }] },
    ]);
  });
});
