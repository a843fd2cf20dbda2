import { afterEach, beforeEach, expect, test } from "bun:test";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../platform/clock.ts";
import { type LinkProxy, startLinkProxy } from "./link-proxy.ts";

let echo: Server;
let proxy: LinkProxy;
let open: Socket[];

beforeEach(async () => {
  open = [];
  echo = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", () => resolve()));
  const address = echo.address();
  proxy = await startLinkProxy(typeof address === "object" ? (address?.port ?? 0) : 0, systemClock);
});

afterEach(async () => {
  for (const socket of open) socket.destroy();
  await proxy.stop();
  await new Promise((resolve) => echo.close(resolve));
});

interface Line {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly received: () => string;
  /** Resolves when so much has come back. */
  readonly has: (text: string) => Promise<void>;
}

function dial(): Line {
  const socket = createConnection({ host: "127.0.0.1", port: proxy.port });
  open.push(socket);
  let text = "";
  const changed = new Set<() => void>();
  socket.on("data", (bytes) => {
    text += bytes.toString();
    for (const tell of changed) tell();
  });
  socket.on("error", () => socket.destroy());
  return {
    socket,
    closed: new Promise((resolve) => socket.on("close", () => resolve())),
    received: () => text,
    has: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          if (text === wanted) resolve();
        };
        changed.add(look);
        look();
      }),
  };
}

test("forwards in both directions", async () => {
  const line = dial();
  line.socket.write("hello");
  await line.has("hello");
  expect(proxy.connectionCount()).toBe(1);
});

test("cuts what is open and what comes, until it is well again", async () => {
  const line = dial();
  line.socket.write("a");
  await line.has("a");
  proxy.setMood("cut");
  await line.closed;
  await dial().closed;
  proxy.setMood("well");
  const next = dial();
  next.socket.write("b");
  await next.has("b");
});

test("is silent without closing, and resets at the end of the silence", async () => {
  const line = dial();
  line.socket.write("a");
  await line.has("a");
  proxy.setMood("silent");
  line.socket.write("b");
  await Bun.sleep(60);
  expect(line.received()).toBe("a");
  expect(line.socket.destroyed).toBe(false);
  proxy.setMood("well");
  await line.closed;
  expect(proxy.connectionCount()).toBe(0);
});

test("delays, and keeps the order", async () => {
  proxy.setMood("delayed");
  const line = dial();
  const startedMs = performance.now();
  line.socket.write("a");
  line.socket.write("b");
  await line.has("ab");
  expect(performance.now() - startedMs).toBeGreaterThan(200);
});
