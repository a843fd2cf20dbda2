import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type FakeLink, openFakeLink } from "../../support/fake-node.ts";
import { outerAddress } from "../../support/outer-address.ts";
import { connectRaw, type RawAnswer } from "../../support/raw-http.ts";
import {
  createTestCoordinator,
  type TestCoordinator,
  testCoordinatorOptions,
} from "../../support/test-coordinator.ts";

setDefaultTimeout(60_000);

const admin = "Authorization: Bearer test-admin-token";
const explain = (headers: string, body: string) =>
  `POST /api/v1/route/explain HTTP/1.1\r\nHost: x\r\n${admin}\r\n${headers}\r\n\r\n${body}`;

async function ask(mesh: TestCoordinator, bytes: string): Promise<RawAnswer | null> {
  const connection = await connectRaw(mesh.port());
  connection.write(bytes);
  const answer = await connection.next();
  connection.destroy();
  return answer;
}

const codeOf = (answer: RawAnswer | null): string =>
  answer === null ? "" : JSON.parse(answer.body || "{}").code;

describe("size", () => {
  let mesh: TestCoordinator;
  beforeAll(async () => {
    const { limits } = testCoordinatorOptions("");
    mesh = await createTestCoordinator({ limits: { ...limits, bodyBytes: 10_000 } });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  test.each([
    ["one long header", `X: ${"a".repeat(20_000)}`],
    ["many headers", Array.from({ length: 2_000 }, (_, at) => `X${at}: a`).join("\r\n")],
    ["a long token", `Authorization: Bearer ${"a".repeat(20_000)}`],
    ["a long cookie", `Cookie: claw_mesh_session=${"a".repeat(20_000)}`],
  ])("of a request head: %s is 431", async (_, header) => {
    expect((await ask(mesh, `GET /healthz HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`))?.status).toBe(431);
  });

  test.each([
    ["declared", explain(`Content-Length: ${10_001}`, "")],
    ["declared and huge", explain("Content-Length: 1099511627776", "")],
    ["in chunks", explain("Transfer-Encoding: chunked", `2711\r\n${"a".repeat(0x2711)}\r\n0\r\n\r\n`)],
    [
      "in many chunks",
      explain("Transfer-Encoding: chunked", `${`64\r\n${"a".repeat(100)}\r\n`.repeat(101)}0\r\n\r\n`),
    ],
  ])("of a body is configured, and refused beyond it: %s", async (_, bytes) => {
    const answer = await ask(mesh, bytes);
    expect({ status: answer?.status, code: codeOf(answer) }).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
  });

  test("of a body up to the limit is taken", async () => {
    const body = JSON.stringify({ content: "a".repeat(9_900) });
    expect((await ask(mesh, explain(`Content-Length: ${body.length}`, body)))?.status).toBe(200);
  });

  test("of a body of somebody who has shown nothing is 4 KiB", async () => {
    const body = JSON.stringify({ token: "a".repeat(5_000) });
    const answer = await mesh.call("POST", "/api/v1/session", {
      token: null,
      rawBody: body,
      headers: { "content-type": "application/json" },
    });
    expect({ status: answer.status, code: answer.body.code }).toEqual({
      status: 413,
      code: "BODY_TOO_LARGE",
    });
  });

  test("of a body of somebody with an invite is that of a registration", async () => {
    const { limits } = testCoordinatorOptions("");
    await using wide = await createTestCoordinator({ limits: { ...limits, bodyBytes: 1024 * 1024 } });
    const { code } = (await wide.call("POST", "/api/v1/invites", { body: {} })).body;
    const register = (bytes: number) =>
      wide.call("POST", "/api/v1/nodes/register", { token: code, body: { name: "x".repeat(bytes) } });
    expect((await register(60_000)).body.code).toBe("BODY_INVALID");
    expect((await register(64 * 1024)).body.code).toBe("BODY_TOO_LARGE");
  });

  test("a body is not waited for when its invite is made up", async () => {
    const bytes =
      "POST /api/v1/nodes/register HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer cmi_made-up\r\n" +
      "Content-Length: 900000\r\n\r\n";
    const answer = await ask(mesh, bytes);
    expect({ status: answer?.status, code: codeOf(answer) }).toEqual({ status: 401, code: "INVITE_INVALID" });
  });

  test("a body is not waited for when its token is wrong", async () => {
    const bytes = `POST /api/v1/route HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n`;
    expect((await ask(mesh, bytes))?.status).toBe(401);
  });
});

describe("slowness", () => {
  let mesh: TestCoordinator;
  beforeAll(async () => {
    mesh = await createTestCoordinator();
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  /** What each sends at once, and what it goes on with, a little at a time. */
  const drips: readonly (readonly [string, string, string])[] = [
    ["nothing at all", "", ""],
    ["a method", "G", "E"],
    ["a target", "GET /", "a"],
    ["headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "X: a\r\n"],
    ["a header", "GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", "a"],
    ["a body", explain("Content-Length: 100000", "{"), " "],
    ["chunks", explain("Transfer-Encoding: chunked", "1\r\n{\r\n"), "1\r\n \r\n"],
    ["the size of a chunk", explain("Transfer-Encoding: chunked", "1\r\n{\r\n"), "0"],
    ["one answered request and half of the next", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /", "a"],
  ];

  test("holds no connection for long, whatever is dripped, and hinders nobody", async () => {
    const copies = 20;
    let isOver = false;
    const others = (async () => {
      let longestMs = 0;
      while (!isOver) {
        const askedMs = performance.now();
        expect((await mesh.call("GET", "/healthz", { token: null })).status).toBe(200);
        longestMs = Math.max(longestMs, performance.now() - askedMs);
        await Bun.sleep(50);
      }
      return longestMs;
    })();
    const slow = await Promise.all(
      drips.flatMap(([what, first, more]) =>
        Array.from({ length: copies }, async () => {
          const connection = await connectRaw(mesh.port());
          if (first !== "") connection.write(first);
          const drip = setInterval(() => more !== "" && connection.write(more), 500);
          const isCut = await connection.closed(20_000);
          clearInterval(drip);
          connection.destroy();
          return { what, isCut };
        }),
      ),
    );
    isOver = true;
    expect(slow.filter(({ isCut }) => !isCut)).toEqual([]);
    expect(await others).toBeLessThan(2_000);
  });

  test("of two thousand idle connections hinders nobody", async () => {
    const idle = await Promise.all(Array.from({ length: 2_000 }, () => connectRaw(mesh.port())));
    const startedMs = performance.now();
    for (let count = 0; count < 50; count += 1) {
      expect((await mesh.call("GET", "/healthz", { token: null })).status).toBe(200);
    }
    // A hundredth of it is usual; a server that looks at each of them would take seconds.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    for (const connection of idle) connection.destroy();
  });

  test("of a client that asks on and on and reads nothing ends with its connection, and hinders nobody", async () => {
    const connection = await connectRaw(mesh.port());
    connection.socket.pause();
    const bytes = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(500);
    const beforeBytes = process.memoryUsage.rss();
    let asked = 0;
    for (let round = 0; round < 400 && !connection.socket.destroyed; round += 1) {
      if (!connection.socket.writableNeedDrain) {
        connection.write(bytes);
        asked += 500;
      }
      expect((await mesh.call("GET", "/healthz", { token: null })).status).toBe(200);
    }
    // All answers together would be gigabytes.
    expect(asked).toBeGreaterThanOrEqual(1_000);
    expect(process.memoryUsage.rss() - beforeBytes).toBeLessThan(200 * 1024 * 1024);
    connection.destroy();
  });
});

/** Only a client with an address of its own has limits; loopback has none. */
const address = outerAddress();

describe.skipIf(address === null)("one client at an address of its own", () => {
  let mesh: TestCoordinator;
  beforeAll(async () => {
    const { limits } = testCoordinatorOptions("");
    mesh = await createTestCoordinator({
      host: "0.0.0.0",
      limits: { ...limits, requestsPerClient: 3, streamsPerClient: 2, linksPerClient: 2 },
    });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  const post = (content: string, accept = "application/json") =>
    fetch(`http://${address}:${mesh.port()}/api/v1/route`, {
      method: "POST",
      headers: { authorization: `Bearer ${mesh.token}`, accept },
      body: JSON.stringify({ content }),
    });

  test("has so many requests open, and others are served meanwhile", async () => {
    await using node = await mesh.join({ name: "heron", slots: 10 });
    const open = ["a", "b", "c"].map((content) => post(content));
    const offers = await Promise.all(["a", "b", "c"].map((content) => node.nextOffer(content)));
    const refused = await post("d");
    expect({ status: refused.status, wait: refused.headers.get("retry-after") }).toEqual({
      status: 429,
      wait: "2",
    });
    expect(((await refused.json()) as { code: string }).code).toBe("TOO_MANY_REQUESTS");
    const other = mesh.send("e");
    node.answer(await node.nextOffer("e"), "done");
    expect((await other).status).toBe(200);
    for (const offer of offers) node.answer(offer, "done");
    expect((await Promise.all(open)).map(({ status }) => status)).toEqual([200, 200, 200]);
    const again = post("f");
    node.answer(await node.nextOffer("f"), "done");
    expect((await again).status).toBe(200);
  });

  test("follows so many answers", async () => {
    await using node = await mesh.join({ name: "stork", slots: 10 });
    const streams = await Promise.all(["a", "b"].map((content) => post(content, "text/event-stream")));
    expect((await post("c", "text/event-stream")).status).toBe(429);
    for (const content of ["a", "b"]) node.answer(await node.nextOffer(content), "done");
    for (const stream of streams) await stream.text();
    const again = await post("d", "text/event-stream");
    expect(again.status).toBe(200);
    node.answer(await node.nextOffer("d"), "done");
    await again.text();
  });

  test("has so many links", async () => {
    const open = () => openFakeLink({ port: mesh.port(), token: mesh.token, host: address ?? "" });
    const links: FakeLink[] = [await open(), await open()];
    await expect(open()).rejects.toThrow();
    await using other = await openFakeLink({ port: mesh.port(), token: mesh.token });
    expect(other.frames).toEqual([]);
    await links[0]?.close();
    links.push(await open());
    for (const link of links.slice(1)) await link.close();
  });
});
