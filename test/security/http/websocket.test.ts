import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { systemIds } from "../../../src/platform/ids.ts";
import { connectRaw, type RawConnection } from "../../support/raw-http.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

setDefaultTimeout(40_000);

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(async () => {
  expect((await mesh.call("GET", "/healthz")).body.status).toBe("ok");
  await mesh[Symbol.asyncDispose]();
});

const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
const asked = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key];

async function upgrade(
  headers: readonly string[] = asked,
): Promise<{ connection: RawConnection; head: string; status: number }> {
  const connection = await connectRaw(mesh.port());
  const all = ["Host: x", `Authorization: Bearer ${mesh.token}`, ...headers];
  connection.write(`GET /api/v1/link HTTP/1.1\r\n${all.join("\r\n")}\r\n\r\n`);
  const answer = await connection.next();
  return { connection, head: answer?.head ?? "", status: answer?.status ?? 0 };
}

interface FrameParts {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  /** The three reserved bits. */
  readonly reserved?: number;
  /** Default: that of the payload. */
  readonly length?: bigint;
}

/** One frame of RFC 6455 as a client sends it, or as it must not. */
function frame(payload: string | Uint8Array, parts: FrameParts = {}): Uint8Array {
  const { opcode = 1, isFinal = true, isMasked = true, reserved = 0 } = parts;
  const body = Buffer.from(payload);
  const length = parts.length ?? BigInt(body.length);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const head =
    length < 126n
      ? Buffer.from([first, mask | Number(length)])
      : length < 65_536n
        ? Buffer.from([first, mask | 126, Number(length >> 8n), Number(length & 255n)])
        : Buffer.concat([Buffer.from([first, mask | 127]), bigEndian(length)]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), body]);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function hello(name: string): string {
  return JSON.stringify([
    {
      type: "hello",
      versions: [1],
      software: "test",
      name,
      instance: systemIds.instance(),
      capabilities: { os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] },
      slots: 1,
      runtimes: [{ kind: "echo", version: null, ready: true, reason: null, active: null, queued: null }],
      running: [],
      unacknowledged: [],
    },
  ]);
}

/** Code and reason of a close frame among the bytes that came; null: none. */
function readClose(text: string): { readonly code: number; readonly reason: string } | null {
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at + 2 <= bytes.length; ) {
    const opcode = (bytes[at] ?? 0) & 15;
    const short = (bytes[at + 1] ?? 0) & 127;
    const start = at + (short === 126 ? 4 : short === 127 ? 10 : 2);
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short;
    if (opcode === 8) {
      if (length < 2) return { code: 1005, reason: "" };
      return { code: bytes.readUInt16BE(start), reason: bytes.toString("utf8", start + 2, start + length) };
    }
    at = start + length;
  }
  return null;
}

describe("an upgrade is refused as plain HTTP", () => {
  test.each<readonly [string, readonly string[]]>([
    ["without anything that asks for it", []],
    ["without its key", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]],
    [
      "with an empty key",
      ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key:"],
    ],
    ["to something else", ["Connection: Upgrade", "Upgrade: h2c", "Sec-WebSocket-Version: 13", key]],
    ["with a head that is too long", [...asked, `X: ${"a".repeat(20_000)}`]],
    ["with very many headers", [...asked, ...Array.from({ length: 2_000 }, (_, at) => `X${at}: a`)]],
    ["from a page of another site", [...asked, "Origin: http://evil.test"]],
    ["from a sandboxed page", [...asked, "Origin: null"]],
  ])("%s", async (_, headers) => {
    const { connection, status } = await upgrade(headers);
    expect(status).toBeGreaterThanOrEqual(400);
    connection.destroy();
  });

  test.each(["GET /healthz", "GET /", "GET /api/v1/nodes", "GET /nothing"])(
    "anywhere else: %s",
    async (line) => {
      const connection = await connectRaw(mesh.port());
      connection.write(
        `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${mesh.token}\r\n${asked.join("\r\n")}\r\n\r\n`,
      );
      const answer = await connection.next();
      expect(answer?.status).not.toBe(101);
      connection.destroy();
    },
  );

  test("without a token, with a wrong one, with one in the query", async () => {
    for (const [path, token] of [
      ["/api/v1/link", ""],
      ["/api/v1/link", "Authorization: Bearer wrong"],
      [`/api/v1/link?token=${mesh.token}`, ""],
      ["/api/v1/link", `Sec-WebSocket-Protocol: bearer, ${mesh.token}`],
    ] as const) {
      const connection = await connectRaw(mesh.port());
      const headers = ["Host: x", ...asked, token].filter((line) => line !== "");
      connection.write(`GET ${path} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`);
      expect((await connection.next())?.status).toBe(401);
      connection.destroy();
    }
  });
});

test("compression is not agreed on, whoever offers it", async () => {
  const { connection, head, status } = await upgrade([
    ...asked,
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ]);
  expect(status).toBe(101);
  expect(head.toLowerCase()).not.toContain("sec-websocket-extensions");
  connection.destroy();
});

const big = 5n * 1024n * 1024n;

describe("a frame that breaks the protocol ends its link", () => {
  test.each<readonly [string, readonly Uint8Array[]]>([
    ["compressed, which was not agreed on", [frame("[]", { reserved: 4 })]],
    ["another reserved bit", [frame("[]", { reserved: 2 })]],
    ["not masked", [frame("[]", { isMasked: false })]],
    ["binary", [frame("[]", { opcode: 2 })]],
    ["an unknown kind", [frame("[]", { opcode: 3 })]],
    ["an unknown control", [frame("", { opcode: 11 })]],
    ["a control in parts", [frame("", { opcode: 9, isFinal: false })]],
    ["a control that is too long", [frame("x".repeat(126), { opcode: 9 })]],
    ["text that is no UTF-8", [frame(new Uint8Array([0xff, 0xfe, 0xfd]))]],
    ["over 4 MiB, declared", [frame("[", { length: big })]],
    ["of 2^63 bytes, declared", [frame("[", { length: 1n << 63n })]],
    ["of 2^64 - 1 bytes, declared", [frame("[", { length: (1n << 64n) - 1n })]],
    [
      "over 4 MiB in pieces",
      [
        frame("x".repeat(2_000_000), { isFinal: false }),
        frame("x".repeat(2_000_000), { opcode: 0, isFinal: false }),
        frame("x".repeat(2_000_000), { opcode: 0 }),
      ],
    ],
    ["a piece of nothing", [frame("[]", { opcode: 0 })]],
    ["a new message within pieces of another", [frame("[", { isFinal: false }), frame("[]")]],
    ["a request of HTTP in place of a frame", [Buffer.from("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")]],
  ])("%s", async (_, frames) => {
    const { connection, status } = await upgrade();
    expect(status).toBe(101);
    for (const one of frames) connection.write(one);
    expect(await connection.closed(5_000)).toBe(true);
    expect(connection.received()).not.toContain("HTTP/1.1 200");
    connection.destroy();
  });

  test("but a message in pieces, with a ping between, is one message", async () => {
    const { connection } = await upgrade();
    const text = hello("in-pieces");
    connection.write(frame(text.slice(0, 20), { isFinal: false }));
    connection.write(frame("", { opcode: 9 }));
    for (const letter of text.slice(20, -1)) connection.write(frame(letter, { opcode: 0, isFinal: false }));
    connection.write(frame(text.slice(-1), { opcode: 0 }));
    const names = async () =>
      (await mesh.call("GET", "/api/v1/nodes")).body.map(({ name }: { name: string }) => name);
    while (!(await names()).includes("in-pieces")) await Bun.sleep(5);
    connection.destroy();
  });
});

test("a link on which no hello comes is closed after ten seconds, whatever else comes", async () => {
  const talk: readonly (() => Uint8Array)[] = [
    () => frame("", { opcode: 9 }),
    () => frame("[]"),
    () => frame(" ", { opcode: 0, isFinal: false }),
    () => new Uint8Array(),
  ];
  const ends = await Promise.all(
    talk.map(async (next, at) => {
      const { connection } = await upgrade();
      if (at === 2) connection.write(frame("[", { isFinal: false }));
      const timer = setInterval(() => connection.write(next()), 500);
      const isClosed = await connection.closed(20_000);
      clearInterval(timer);
      connection.destroy();
      return isClosed ? readClose(connection.received()) : "still open";
    }),
  );
  expect(ends).toEqual(talk.map(() => ({ code: 4400, reason: "no hello" })));
});

test("a link whose client reads nothing is closed, and its queue with it", async () => {
  const { connection } = await upgrade();
  connection.write(frame(hello("reads-nothing").replace('"slots":1', '"slots":1000')));
  while ((await mesh.call("GET", "/api/v1/nodes/reads-nothing")).body.status !== "online") await Bun.sleep(5);
  connection.socket.pause();
  const isOffline = async () =>
    (await mesh.call("GET", "/api/v1/nodes/reads-nothing")).body.status === "offline";
  const left = new AbortController();
  const sent: Promise<unknown>[] = [];
  // Each offer waits in the coordinator until 8 MiB do; a client of the API would wait for its answer.
  for (let count = 0; count < 40 && !(await isOffline()); count += 1) {
    const message = mesh.send("x".repeat(900_000), { to: "reads-nothing", signal: left.signal });
    sent.push(message.catch(() => undefined));
    await Bun.sleep(10);
  }
  expect(await isOffline()).toBe(true);
  left.abort();
  await Promise.all(sent);
  connection.destroy();
});
