import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeCodes } from "../../../src/protocol/link/v1/frames.ts";
import { cookieOf, logIn, makeToken } from "../../support/access.ts";
import { nextEvent, readEvents } from "../../support/event-stream.ts";
import { type FakeNode, openFakeLink } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

/** What the product promises; all of it is at once in truth. */
const limitMs = 5_000;

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const ways = {
  revoked: () => mesh.call("DELETE", "/api/v1/tokens/cut"),
  rotated: () => mesh.call("POST", "/api/v1/tokens/cut/rotate"),
} as const;
const wayNames = Object.keys(ways) as readonly (keyof typeof ways)[];

const makeCut = async (...scopes: readonly ("admin" | "read" | "send")[]) =>
  (await makeToken(mesh, { name: "cut", scopes: [...scopes] })).token;

describe.each(wayNames)("when its token is %s", (way) => {
  test("a call with it is refused at once", async () => {
    const token = await makeCut("read");
    expect((await mesh.call("GET", "/api/v1/nodes", { token })).status).toBe(200);
    await ways[way]();
    const answer = await mesh.call("GET", "/api/v1/nodes", { token });
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
  });

  test(
    "the stream of its message ends with TOKEN_INVALID, and the message is cancelled",
    async () => {
      const node = await mesh.join();
      const token = await makeCut("send");
      const response = await mesh.stream("stop me", { token });
      const events = readEvents(response);
      expect((await nextEvent(events)).event).toBe("decision");
      const offer = await node.nextOffer();
      node.started(offer);
      node.chunk(offer, 0, "first");
      expect((await nextEvent(events)).data.text).toBe("first");
      const last = nextEvent(events);
      await ways[way]();
      expect(await last).toMatchObject({ event: "error", data: { code: "TOKEN_INVALID" } });
      expect((await events.next()).done).toBeTrue();
      expect(await node.next("cancel")).toMatchObject({ task: offer.task });
    },
    limitMs,
  );

  test(
    "a stream that it follows ends, and the task that it did not send goes on",
    async () => {
      const node = await mesh.join();
      const token = await makeCut("read");
      const { id } = (await mesh.call("POST", "/api/v1/tasks", { body: { content: "go on" } })).body;
      const offer = await node.nextOffer();
      const response = await fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const events = readEvents(response);
      await nextEvent(events);
      const last = nextEvent(events);
      await ways[way]();
      expect(await last).toMatchObject({ event: "error", data: { code: "TOKEN_INVALID" } });
      node.answer(offer, "done");
      const followed = readEvents(
        await fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`, {
          headers: { authorization: `Bearer ${mesh.token}` },
        }),
      );
      for await (const { event, data } of followed)
        if (event === "result") expect(data.response).toBe("done");
    },
    limitMs,
  );

  test(
    "a call that waits for its answer gets 401, and its message is cancelled",
    async () => {
      const node = await mesh.join();
      const token = await makeCut("send");
      const waiting = mesh.send("stop me", { token });
      const offer = await node.nextOffer();
      await ways[way]();
      const answer = await waiting;
      expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
      expect(await node.next("cancel")).toMatchObject({ task: offer.task });
    },
    limitMs,
  );

  test(
    "a message with a key goes on, and its token's next text may pick it up after a rotation",
    async () => {
      const node = await mesh.join();
      const token = await makeCut("send");
      const waiting = mesh.send("go on", { token, key: "key-1" });
      const offer = await node.nextOffer();
      const next = (await ways[way]()).body?.token as string | undefined;
      expect((await waiting).status).toBe(401);
      node.answer(offer, "done");
      if (next === undefined) return;
      expect((await mesh.send("go on", { token: next, key: "key-1" })).body.response).toBe("done");
    },
    limitMs,
  );

  test(
    "the link that was opened with it closes with 4401, and its node may come back by its own token",
    async () => {
      const token = await makeCut("admin");
      const node = await mesh.join({ token });
      await ways[way]();
      expect((await node.closed).code).toBe(closeCodes.notAllowed);
      expect((await mesh.rejoin(node)).welcome.returning).toBeTrue();
    },
    limitMs,
  );

  test(
    "a link that has not said hello closes, too",
    async () => {
      const token = await makeCut("admin");
      const link = await openFakeLink({ port: mesh.port(), token });
      await ways[way]();
      expect((await link.closed).code).toBe(closeCodes.notAllowed);
    },
    limitMs,
  );

  test("a login made with it is over", async () => {
    const token = await makeCut("read");
    const login = await logIn(mesh, token);
    const asBrowser = { token: null, headers: { cookie: cookieOf(login.headers) } };
    expect((await mesh.call("GET", "/api/v1/nodes", asBrowser)).status).toBe(200);
    await ways[way]();
    const answer = await mesh.call("GET", "/api/v1/nodes", asBrowser);
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
  });

  test(
    "a stream that is followed in a browser ends",
    async () => {
      await mesh.join();
      const token = await makeCut("read");
      const login = await logIn(mesh, token);
      const { id } = (await mesh.call("POST", "/api/v1/tasks", { body: { content: "go on" } })).body;
      const events = readEvents(
        await fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`, {
          headers: { cookie: cookieOf(login.headers) },
        }),
      );
      await nextEvent(events);
      const last = nextEvent(events);
      await ways[way]();
      expect(await last).toMatchObject({ event: "error", data: { code: "TOKEN_INVALID" } });
    },
    limitMs,
  );
});

test(
  "logging out ends the streams of that browser, and of no other",
  async () => {
    await mesh.join();
    const first = cookieOf((await logIn(mesh, mesh.token)).headers);
    const second = cookieOf((await logIn(mesh, mesh.token)).headers);
    const { id } = (await mesh.call("POST", "/api/v1/tasks", { body: { content: "go on" } })).body;
    const follow = async (cookie: string) => {
      const url = `http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`;
      const events = readEvents(await fetch(url, { headers: { cookie } }));
      await nextEvent(events);
      return events;
    };
    const events = await follow(first);
    const last = nextEvent(events);
    const origin = `http://127.0.0.1:${mesh.port()}`;
    const headers = { cookie: first, origin };
    expect((await mesh.call("DELETE", "/api/v1/session", { token: null, headers })).status).toBe(204);
    expect(await last).toMatchObject({ event: "error", data: { code: "TOKEN_INVALID" } });
    const other = { token: null, headers: { cookie: second } };
    expect((await mesh.call("GET", "/api/v1/session", other)).status).toBe(200);
  },
  limitMs,
);

test("the cookie of a login opens no link, which would outlive it", async () => {
  const cookie = cookieOf((await logIn(mesh, mesh.token)).headers);
  const origin = `http://127.0.0.1:${mesh.port()}`;
  const headers = { cookie, origin, connection: "Upgrade", upgrade: "websocket" };
  const answer = await mesh.call("GET", "/api/v1/link", { token: null, headers });
  expect([answer.status, answer.body.code]).toEqual([403, "SCOPE_MISSING"]);
});

test(
  "a node that is removed loses its link and its token",
  async () => {
    const node: FakeNode = await mesh.join();
    expect((await mesh.call("DELETE", `/api/v1/nodes/${node.nodeId}`)).status).toBe(204);
    expect((await node.closed).code).toBe(closeCodes.removed);
    const answer = await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`, { token: node.token });
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
    await expect(openFakeLink({ port: mesh.port(), token: node.token })).rejects.toThrow();
  },
  limitMs,
);

test(
  "a body that is still on its way when the token is revoked changes nothing",
  async () => {
    const token = await makeCut("admin");
    const { port } = new URL(`http://127.0.0.1:${mesh.port()}`);
    const body = JSON.stringify({ match: { os: "linux" } });
    const received = Promise.withResolvers<string>();
    let text = "";
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        data: (_, data) => {
          text += data.toString();
          if (text.includes("\r\n\r\n")) received.resolve(text);
        },
      },
    });
    socket.write(
      `PUT /api/v1/groups/sneaked HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    // It has been let in when its use is told.
    for (let isSeen = false; !isSeen; ) {
      const { tokens } = (await mesh.call("GET", "/api/v1/tokens")).body;
      isSeen = tokens[0].last_used_at !== null;
    }
    await ways.revoked();
    socket.write(body.slice(5));
    expect(await received.promise).toStartWith("HTTP/1.1 401");
    socket.end();
    expect((await mesh.call("GET", "/api/v1/groups")).body).toEqual([]);
  },
  limitMs,
);
