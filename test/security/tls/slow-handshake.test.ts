import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { createTlsMesh, type TlsMesh } from "./tls-world.ts";

/** Bun looks at idle connections every four seconds. */
const limitMs = 10_000 + 2 * 4_000;

/** The beginning of a ClientHello that promises 500 bytes more. */
const beginning = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);

const clients: Readonly<Record<string, (port: number) => Socket>> = {
  "that never begins it": (port) => connect({ port, host: "127.0.0.1" }),
  "that stops in the middle of it": (port) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(beginning));
    return socket;
  },
  "that sends it byte by byte": (port) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => {
      socket.write(beginning);
      const timer = setInterval(() => socket.write("x"), 500);
      socket.on("close", () => clearInterval(timer));
    });
    return socket;
  },
  "that says nothing after it": (port) => connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }),
};

let mesh: TlsMesh;
const lives = new Map<string, Promise<number>>();
beforeAll(async () => {
  mesh = await createTlsMesh();
  // All at once: each has to wait for its end.
  for (const [name, start] of Object.entries(clients)) {
    const startedMs = performance.now();
    const { promise, resolve } = Promise.withResolvers<number>();
    const socket = start(mesh.port());
    socket.on("error", () => {});
    socket.on("close", () => resolve(performance.now() - startedMs));
    lives.set(name, promise);
  }
});
afterAll(() => mesh[Symbol.asyncDispose]());

test.each(Object.keys(clients))(
  "a client %s is cut off",
  async (name) => {
    expect(await lives.get(name)).toBeLessThan(limitMs);
  },
  2 * limitMs,
);
