import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { machineNames } from "../../../src/platform/machine-names.ts";
import { contract } from "../../../src/protocol/http/contract.ts";
import { connectRaw, type RawAnswer } from "../../support/raw-http.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let port: number;
let cookie: string;

beforeAll(async () => {
  mesh = await createTestCoordinator({ allowedHosts: ["Mesh.Example.com"] });
  port = mesh.port();
  cookie = await logIn();
});
afterAll(() => mesh[Symbol.asyncDispose]());

type Headers = Readonly<Record<string, string>>;

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Headers;
  readonly body?: string;
}

/** Exactly these headers, as a browser or an attacker would have sent them. */
async function send({ method = "GET", path, headers = {}, body = "" }: Sent): Promise<RawAnswer> {
  const connection = await connectRaw(port);
  const all = { host: `127.0.0.1:${port}`, ...headers, "content-length": String(body.length) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  connection.write(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  const answer = await connection.next();
  connection.destroy();
  if (answer === null) throw new Error(`no answer to ${method} ${path}`);
  return answer;
}

async function logIn(): Promise<string> {
  const { status, head } = await send({
    method: "POST",
    path: "/api/v1/session",
    headers: { "content-type": "application/json", origin: `http://127.0.0.1:${port}` },
    body: JSON.stringify({ token: mesh.token }),
  });
  expect(status).toBe(200);
  return /^set-cookie: ([^;]+)/im.exec(head)?.[1] ?? "";
}

const codeOf = ({ status, body }: RawAnswer) =>
  status < 400 ? "ok" : ((JSON.parse(body) as { code: string }).code ?? "");

const machineName = machineNames()[0] ?? "localhost";

/** Names of the page that a browser asks for, and whether they may be this coordinator's. */
const hosts: readonly (readonly [string, boolean])[] = [
  ["127.0.0.1:PORT", true],
  ["127.0.0.1", true],
  ["192.0.2.7:9180", true],
  ["[::1]:PORT", true],
  ["[2001:db8::7]", true],
  ["localhost:PORT", true],
  ["LOCALHOST:PORT", true],
  ["localhost.:PORT", true],
  [`${machineName}:PORT`, true],
  ["mesh.example.com", true],
  ["mesh.example.com:8443", true],
  ["MESH.EXAMPLE.COM.", true],
  ["evil.test", false],
  ["evil.test:PORT", false],
  ["evil.mesh.example.com", false],
  ["mesh.example.com.evil.test", false],
  ["127.0.0.1.evil.test:PORT", false],
  ["localhost.evil.test", false],
  ["notlocalhost", false],
  ["2130706433", false],
  ["0x7f000001", false],
  ["127.1", false],
  ["0177.0.0.1", false],
];

/** What a page could make a browser ask with the cookie, or without a login at all. */
const doors: readonly (readonly [string, () => Sent])[] = [
  ["the page", () => ({ path: "/" })],
  ["its script", () => ({ path: "/page/page.js" })],
  ["its style", () => ({ path: "/page/page.css" })],
  ["the list of nodes with the cookie", () => ({ path: "/api/v1/nodes", headers: { cookie } })],
  [
    "a login",
    () => ({
      method: "POST",
      path: "/api/v1/session",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: mesh.token }),
    }),
  ],
  ["the end of a login", () => ({ method: "DELETE", path: "/api/v1/session" })],
  [
    "a link that a page opens",
    () => ({ path: "/api/v1/link", headers: { ...upgrade, authorization: bearer } }),
  ],
];

const bearer = "Bearer test-admin-token";
const upgrade: Headers = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

describe("a name that a stranger may point at this machine (DNS rebinding)", () => {
  for (const [what, door] of doors) {
    test.each(hosts)(`opens ${what} only when it is the coordinator's own: %s`, async (name, isOwn) => {
      const host = name.replace("PORT", String(port));
      const sent = door();
      const origin = sent.headers?.upgrade === undefined ? {} : { origin: `http://${host}` };
      const answer = await send({ ...sent, headers: { ...sent.headers, host, ...origin } });
      expect(codeOf(answer)).toBe(isOwn ? "ok" : "HOST_NOT_ALLOWED");
      expect(answer.status).toBe(isOwn ? answer.status : 421);
    });
  }

  test.each(["evil.test", "mesh.example.com", "127.0.0.1"])(
    "does not matter to who shows a bearer token: %s",
    async (host) => {
      const answer = await send({ path: "/api/v1/nodes", headers: { host, authorization: bearer } });
      expect(answer.status).toBe(200);
    },
  );
});

describe("a Host that is not one name or address is refused, whoever calls", () => {
  test.each([
    "a, b",
    "a b",
    "a/b",
    "user@a",
    "a:b",
    "a:99999",
    "[::1",
    "::1",
    "[zz]",
    "a:1:2",
    "%00",
    "ä",
    "*",
    ".",
  ])("%j", async (host) => {
    for (const headers of [
      { host, authorization: bearer },
      { host, cookie },
    ]) {
      const answer = await send({ path: "/api/v1/nodes", headers });
      expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: "HOST_INVALID" });
    }
  });
});

/** Where a request says that it comes from: is it the coordinator's own page at `http://127.0.0.1:PORT`? */
const origins: readonly (readonly [string, Headers, boolean])[] = [
  ["the page itself", { origin: "http://127.0.0.1:PORT" }, true],
  [
    "the page itself, as the browser also tells",
    { origin: "http://127.0.0.1:PORT", "sec-fetch-site": "same-origin" },
    true,
  ],
  ["only that it is the same origin", { "sec-fetch-site": "same-origin" }, true],
  ["nothing", {}, false],
  ["null, as sandboxed frames and files do", { origin: "null" }, false],
  ["an empty origin", { origin: "" }, false],
  ["another site", { origin: "http://evil.test" }, false],
  ["another port of this machine", { origin: "http://127.0.0.1:1" }, false],
  ["the default port of this machine", { origin: "http://127.0.0.1" }, false],
  ["another name of this machine", { origin: "http://localhost:PORT" }, false],
  ["another scheme", { origin: "https://127.0.0.1:PORT" }, false],
  ["an extension", { origin: "chrome-extension://127.0.0.1:PORT" }, false],
  ["a name that begins alike", { origin: "http://127.0.0.1:PORT.evil.test" }, false],
  ["a user before the name", { origin: "http://127.0.0.1:PORT@evil.test" }, false],
  ["two origins", { origin: "http://127.0.0.1:PORT http://evil.test" }, false],
  ["two origins with a comma", { origin: "http://127.0.0.1:PORT, http://evil.test" }, false],
  ["the same site", { "sec-fetch-site": "same-site" }, false],
  ["a foreign site", { "sec-fetch-site": "cross-site" }, false],
  ["a typed address", { "sec-fetch-site": "none" }, false],
  [
    "a foreign site with our origin",
    { origin: "http://127.0.0.1:PORT", "sec-fetch-site": "cross-site" },
    false,
  ],
];

const withPort = (headers: Headers): Headers =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replace("PORT", String(port))]),
  );

/** Every route that changes something, found in the contract. */
const changes = Object.values(contract).filter(
  ({ method, scopes }) => method !== "GET" && scopes[0] !== "none",
);

describe("a change with a cookie has to come from the coordinator's own page (CSRF)", () => {
  test.each(origins)("of %s", async (_, where, isOwn) => {
    const answer = await send({
      method: "POST",
      path: "/api/v1/route/explain",
      headers: { cookie, "content-type": "application/json", ...withPort(where) },
      body: JSON.stringify({ content: "x" }),
    });
    expect({ status: answer.status, code: codeOf(answer) }).toEqual(
      isOwn ? { status: 200, code: "ok" } : { status: 403, code: "ORIGIN_NOT_ALLOWED" },
    );
  });

  test.each(changes.map(({ method, path }) => [method, path] as const))(
    "by %s %s, too",
    async (method, path) => {
      for (const where of [
        {},
        { origin: "null" },
        { origin: "http://evil.test" },
        { "sec-fetch-site": "same-site" },
      ]) {
        const filled = path.replace(/\{\w+\}/g, "x");
        const answer = await send({ method, path: filled, headers: { cookie, ...where }, body: "{}" });
        expect(codeOf(answer)).toBe("ORIGIN_NOT_ALLOWED");
      }
    },
  );

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonx",
    "",
  ])("with a body that no foreign form can send: %j is none", async (type) => {
    const answer = await send({
      method: "POST",
      path: "/api/v1/route/explain",
      headers: { cookie, origin: `http://127.0.0.1:${port}`, "content-type": type },
      body: JSON.stringify({ content: "x" }),
    });
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code: "BODY_NOT_JSON" });
  });

  test("which a bearer token need not have", async () => {
    const answer = await send({
      method: "POST",
      path: "/api/v1/route/explain",
      headers: { authorization: bearer, "content-type": "text/plain" },
      body: JSON.stringify({ content: "x" }),
    });
    expect(answer.status).toBe(200);
  });
});

describe("a bearer token that a page shows", () => {
  test.each(origins.filter(([, headers]) => "origin" in headers))(
    "counts from the coordinator's own pages only, changing and reading: %s",
    async (_, where, isOwn) => {
      const headers = { authorization: bearer, "content-type": "application/json", ...withPort(where) };
      const body = JSON.stringify({ content: "x" });
      const changing = await send({ method: "POST", path: "/api/v1/route/explain", headers, body });
      const reading = await send({ path: "/api/v1/nodes", headers });
      const code = isOwn ? "ok" : "ORIGIN_NOT_ALLOWED";
      expect([changing, reading].map(codeOf)).toEqual([code, code]);
    },
  );

  test("counts by the coordinator's own names only", async () => {
    const host = `evil.test:${port}`;
    const headers = { host, origin: `http://${host}`, authorization: bearer };
    expect(codeOf(await send({ path: "/api/v1/nodes", headers }))).toBe("HOST_NOT_ALLOWED");
  });
});

describe("a page of somebody else does not make its reader pay", () => {
  /** So many as would lock its address out, and with it a token that a person has chosen, as the one here. */
  const guesses = 30;

  test.each([
    ["a page of another site", { origin: "http://evil.test" }],
    ["a page of another port", { origin: "http://127.0.0.1:1" }],
    ["a page of a name that was pointed here", { host: "evil.test", origin: "http://evil.test" }],
    ["a reading of such a page, which has no Origin", { host: "evil.test" }],
    ["a sandboxed frame", { origin: "null" }],
  ])("with a lock: %s guesses", async (_, headers) => {
    for (let at = 0; at < guesses; at += 1) {
      await send({
        path: "/api/v1/nodes",
        headers: { ...headers, authorization: `Bearer guess-${at}-xxxxxxxx` },
      });
    }
    expect((await send({ path: "/api/v1/nodes", headers: { authorization: bearer } })).status).toBe(200);
  });

  test("with the calls of the token that he logged in with", async () => {
    const made = await mesh.call("POST", "/api/v1/tokens", {
      body: { name: "few", scopes: ["read"], rate_per_minute: 5 },
    });
    expect(made.status).toBe(201);
    const begun = await send({
      method: "POST",
      path: "/api/v1/session",
      headers: { "content-type": "application/json", origin: `http://127.0.0.1:${port}` },
      body: JSON.stringify({ token: made.body.token }),
    });
    const own = /^set-cookie: ([^;]+)/im.exec(begun.head)?.[1] ?? "";
    for (const where of [{ origin: "http://127.0.0.1:1" }, { "sec-fetch-site": "same-site" }]) {
      for (let at = 0; at < 10; at += 1) {
        const foreign = await send({ path: "/api/v1/nodes", headers: { cookie: own, ...where } });
        expect(codeOf(foreign)).toBe("ORIGIN_NOT_ALLOWED");
      }
    }
    expect((await send({ path: "/api/v1/nodes", headers: { cookie: own } })).status).toBe(200);
  });
});

describe("a reading with a cookie", () => {
  test.each(origins.filter(([, headers]) => Object.keys(headers).length > 0))(
    "from %s",
    async (_, where, isOwn) => {
      const isTyped = where["sec-fetch-site"] === "none";
      const answer = await send({ path: "/api/v1/nodes", headers: { cookie, ...withPort(where) } });
      expect(answer.status).toBe(isOwn || isTyped ? 200 : 403);
    },
  );

  test("of a browser that tells nothing goes through: the cookie is SameSite=Strict", async () => {
    expect((await send({ path: "/api/v1/nodes", headers: { cookie } })).status).toBe(200);
  });
});

describe("a login that was bound to its page", () => {
  test("is nothing to whom a browser shows its cookie only: the key of the page is missing", async () => {
    const begun = await send({
      method: "POST",
      path: "/api/v1/session",
      headers: { "content-type": "application/json", origin: `http://127.0.0.1:${port}` },
      body: JSON.stringify({ token: mesh.token, bind_page: true }),
    });
    const bound = /^set-cookie: ([^;]+)/im.exec(begun.head)?.[1] ?? "";
    const key = (JSON.parse(begun.body) as { page_key: string }).page_key;
    const origin = `http://127.0.0.1:${port}`;
    const without = { cookie: bound, origin, "content-type": "application/json" };
    const withKey = { ...without, "x-claw-mesh-session": key };
    const explain = { method: "POST", path: "/api/v1/route/explain", body: JSON.stringify({ content: "x" }) };
    for (const sent of [{ path: "/api/v1/nodes" }, { path: "/api/v1/session" }, explain]) {
      expect((await send({ ...sent, headers: without })).status).toBe(401);
      expect((await send({ ...sent, headers: withKey })).status).toBe(200);
    }
    await send({ method: "DELETE", path: "/api/v1/session", headers: without });
    const told = await send({ path: "/api/v1/session", headers: withKey });
    expect(told.status).toBe(200);
    // Nobody is told the key again.
    expect(told.body).not.toContain(key);
    await send({ method: "DELETE", path: "/api/v1/session", headers: withKey });
    expect((await send({ path: "/api/v1/session", headers: withKey })).status).toBe(401);
  });
});

describe("a login or its end", () => {
  test.each(origins)("from %s", async (_, where, isOwn) => {
    const headers = { "content-type": "application/json", ...withPort(where) };
    const body = JSON.stringify({ token: mesh.token });
    const begun = await send({ method: "POST", path: "/api/v1/session", headers, body });
    const isNoPage = Object.keys(where).length === 0 || where["sec-fetch-site"] === "none";
    expect(begun.status).toBe(isOwn || isNoPage ? 200 : 403);
    const other = await logIn();
    const ended = await send({
      method: "DELETE",
      path: "/api/v1/session",
      headers: { cookie: other, ...withPort(where) },
    });
    expect(ended.status).toBe(isOwn ? 204 : 403);
  });

  test("takes no body of a form", async () => {
    const { status } = await send({
      method: "POST",
      path: "/api/v1/session",
      headers: { "content-type": "text/plain" },
      body: JSON.stringify({ token: mesh.token }),
    });
    expect(status).toBe(400);
  });
});

describe("a WebSocket of a page (cross-site hijacking)", () => {
  // The logins above have pushed the first one out.
  beforeAll(async () => {
    cookie = await logIn();
  });

  test.each(origins.filter(([, headers]) => "origin" in headers))("from %s", async (_, where, isOwn) => {
    const headers = { ...upgrade, authorization: bearer, ...withPort(where) };
    expect((await send({ path: "/api/v1/link", headers })).status).toBe(isOwn ? 101 : 403);
  });

  test.each(origins)("with the cookie opens none: from %s", async (_, where, isOwn) => {
    const answer = await send({ path: "/api/v1/link", headers: { ...upgrade, cookie, ...withPort(where) } });
    // Also not a page of the coordinator's own: it would go on after the logout.
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({
      status: 403,
      code: isOwn ? "SCOPE_MISSING" : "ORIGIN_NOT_ALLOWED",
    });
  });

  test("is no matter for programs, which send no Origin", async () => {
    const headers = { ...upgrade, authorization: bearer };
    expect((await send({ path: "/api/v1/link", headers })).status).toBe(101);
  });
});

describe("behind a proxy that speaks TLS for an allowed name", () => {
  // The logins above have pushed the first one out.
  beforeAll(async () => {
    cookie = await logIn();
  });

  const logInFrom = async (origin: string) => {
    const { status, head } = await send({
      method: "POST",
      path: "/api/v1/session",
      headers: { host: "mesh.example.com", origin, "content-type": "application/json" },
      body: JSON.stringify({ token: mesh.token }),
    });
    expect(status).toBe(200);
    return /^set-cookie: (.+)$/im.exec(head)?.[1]?.trim() ?? "";
  };

  test("a login's cookie never leaves TLS, and opens what it should", async () => {
    const set = await logInFrom("https://mesh.example.com");
    expect(set).toMatch(
      /^__Host-claw_mesh_session=[0-9a-f]{64}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    const shown = set.split(";")[0] ?? "";
    const headers = { host: "mesh.example.com", cookie: shown };
    expect((await send({ path: "/api/v1/nodes", headers })).status).toBe(200);
    const origin = "https://mesh.example.com";
    const out = await send({ method: "DELETE", path: "/api/v1/session", headers: { ...headers, origin } });
    expect(out.head).toMatch(/^set-cookie: __Host-claw_mesh_session=; Max-Age=0; .*; Secure\r?$/im);
    expect((await send({ path: "/api/v1/nodes", headers })).status).toBe(401);
  });

  test("a login without TLS has a cookie that a browser keeps without", async () => {
    expect(await logInFrom("http://mesh.example.com")).toMatch(/^claw_mesh_session=.*SameSite=Strict$/);
  });

  test("that has a login of its own, whose header it passes on, the cookie counts", async () => {
    const headers = { cookie, authorization: "Basic dXNlcjpzZWNyZXQ=" };
    expect((await send({ path: "/api/v1/nodes", headers })).status).toBe(200);
    const foreign = await send({
      method: "POST",
      path: "/api/v1/route/explain",
      headers: { ...headers, origin: "http://evil.test", "content-type": "application/json" },
      body: "{}",
    });
    expect(codeOf(foreign)).toBe("ORIGIN_NOT_ALLOWED");
  });

  test.each([
    ["https://mesh.example.com", "mesh.example.com", 200],
    ["https://mesh.example.com:443", "mesh.example.com", 200],
    ["https://mesh.example.com:8443", "mesh.example.com:8443", 200],
    ["http://mesh.example.com", "mesh.example.com", 200],
    ["https://mesh.example.com", "mesh.example.com:8443", 403],
    ["https://evil.test", "mesh.example.com", 403],
    ["https://localhost", "localhost", 403],
  ])("a page at %s whose Host arrives as %s gets %d", async (origin, host, status) => {
    const answer = await send({
      method: "POST",
      path: "/api/v1/route/explain",
      headers: { host, origin, cookie, "content-type": "application/json" },
      body: JSON.stringify({ content: "x" }),
    });
    expect(answer.status).toBe(status);
  });
});
