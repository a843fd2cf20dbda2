import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createSecret } from "../../../src/platform/ids.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { asJson, cookieOf, logIn, makeToken } from "../../support/access.ts";
import type { FakeNodeOptions } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const create = (body: unknown, token = mesh.token) => mesh.call("POST", "/api/v1/tokens", { body, token });

describe("a token", () => {
  test("is shown once: neither a list nor the database has it", async () => {
    const { id, token, shown } = await makeToken(mesh, { name: "ci", scopes: ["send", "read"] });
    const rotated = (await mesh.call("POST", `/api/v1/tokens/${id}/rotate`)).body.token as string;
    expect(rotated).not.toBe(token);
    const list = await mesh.call("GET", "/api/v1/tokens");
    expect(list.body.tokens).toMatchObject([
      {
        id,
        name: "ci",
        shown: rotated.slice(0, 12),
        scopes: ["send", "read"],
        groups: null,
        rate_per_minute: null,
        untrusted: false,
        created_by: "admin",
        expires_at: null,
        last_used_at: null,
        revoked_at: null,
      },
    ]);
    expect(shown).toBe(token.slice(0, 12));
    const database = new Database(join(mesh.dataDir, "mesh.db"), { readonly: true });
    const rows = JSON.stringify(database.query("select * from tokens").all());
    database.close();
    for (const secret of [token.slice(12), rotated.slice(12)]) {
      expect(list.text).not.toContain(secret);
      expect(rows).not.toContain(secret);
    }
  });

  test("tells when and from where it was last used", async () => {
    const { token } = await makeToken(mesh, { scopes: ["read"] });
    await mesh.call("GET", "/api/v1/nodes", { token });
    const [info] = (await mesh.call("GET", "/api/v1/tokens")).body.tokens;
    expect(info.last_used_from).toBe("127.0.0.1");
    expect(Date.now() - Date.parse(info.last_used_at)).toBeLessThan(120_000);
    await mesh.restart();
    expect((await mesh.call("GET", "/api/v1/tokens")).body.tokens[0]).toEqual(info);
  });

  test.each([
    [{ name: "x", scopes: [] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["root"] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["node"] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["none"] }, 400, "BODY_INVALID"],
    [{ name: "x\u001b[2J", scopes: ["read"] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["read"], rate_per_minute: 0 }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["read"], ttl_s: 9 }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["read"], untrusted: false }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["send"], groups: [] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["send"], groups: ["nobody"] }, 404, "GROUP_NOT_FOUND"],
    // It could make one without the limit.
    [{ name: "x", scopes: ["admin"], groups: ["nobody"] }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["admin"], untrusted: true }, 400, "BODY_INVALID"],
    [{ name: "x", scopes: ["read"], id: "admin" }, 400, "BODY_INVALID"],
    // The audit would show it as somebody else.
    [{ name: "Admin", scopes: ["read"] }, 400, "BODY_INVALID"],
    [{ name: "coordinator", scopes: ["read"] }, 400, "BODY_INVALID"],
    [{ name: `token_${"0".repeat(32)}`, scopes: ["read"] }, 400, "BODY_INVALID"],
  ])("%j is refused with %i %s", async (body, status, code) => {
    const answer = await create(body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect((await mesh.call("GET", "/api/v1/tokens")).body.tokens).toEqual([]);
  });

  test("that calls too often waits, as Retry-After says, while others go on", async () => {
    const { token } = await makeToken(mesh, { scopes: ["read"], rate_per_minute: 2 });
    const call = (with_: string) => mesh.call("GET", "/api/v1/nodes", { token: with_ });
    expect([(await call(token)).status, (await call(token)).status]).toEqual([200, 200]);
    const refused = await call(token);
    expect([refused.status, refused.body.code]).toEqual([429, "RATE_LIMITED"]);
    const retryAfterS = Number(refused.headers.get("retry-after"));
    expect(retryAfterS).toBeGreaterThanOrEqual(29);
    expect(retryAfterS).toBeLessThanOrEqual(30);
    expect((await call(mesh.token)).status).toBe(200);
  });

  test("that is revoked already is told apart from one that never was", async () => {
    const { id } = await makeToken(mesh, { name: "over" });
    const revoke = async (idOrName: string) => (await mesh.call("DELETE", `/api/v1/tokens/${idOrName}`)).body;
    await revoke(id);
    for (const again of [id, "over"]) {
      const told = { code: "TOKEN_NOT_FOUND", error: `Token "${again}" is revoked already.` };
      expect(await revoke(again)).toMatchObject(told);
    }
    expect(await revoke("never")).toMatchObject({ error: 'There is no token "never".' });
    const { entries } = (await mesh.call("GET", `/api/v1/audit?action=token.revoke&target=${id}`)).body;
    expect(entries.at(-1)).toMatchObject({ target: id, result: "ok", details: { name: "over" } });
  });

  test("may say who it is", async () => {
    const { id, token } = await makeToken(mesh, { name: "ci", scopes: ["send"], untrusted: true, ttl_s: 60 });
    const { body } = await mesh.call("GET", "/api/v1/session", { token });
    expect(body).toMatchObject({
      subject: id,
      name: "ci",
      scopes: ["send"],
      groups: null,
      untrusted: true,
      node_id: null,
    });
    expect(Date.parse(body.expires_at) - Date.now()).toBeLessThanOrEqual(60_000);
  });
});

describe("a token that operates the nodes of some groups", () => {
  beforeEach(async () => {
    await mesh.call("PUT", "/api/v1/groups/macs", { body: { nodes: ["mac"] } });
  });

  test.each([
    ["PATCH", { scheduling: "cordoned" }],
    ["PATCH", { weight: 2 }],
    ["DELETE", undefined],
  ] as const)("%s %j: its own nodes only, and it is told so", async (method, body) => {
    const { token } = await makeToken(mesh, { scopes: ["operate"], groups: ["MACS"] });
    await mesh.join(named("mac"));
    const linux = await mesh.join(named("linux"));
    const call = (id: string) =>
      mesh.call(method, `/api/v1/nodes/${id}`, { token, ...(body === undefined ? {} : { body }) });
    for (const id of ["linux", linux.nodeId]) {
      const refused = await call(id);
      expect([refused.status, refused.body.code]).toEqual([403, "SCOPE_MISSING"]);
      expect(refused.body.error).toContain("MACS");
    }
    expect((await mesh.call("GET", "/api/v1/nodes/linux")).body).toMatchObject({
      scheduling: "active",
      capabilities: { tags: [] },
    });
    expect((await call("mac")).status).toBeLessThan(300);
  });

  test.each([{ add_tags: ["prod"] }, { remove_tags: ["lab"] }, { add_tags: [], weight: 2 }])(
    "does not change its tags, which could make it a member of other groups: %j",
    async (body) => {
      const { token } = await makeToken(mesh, { scopes: ["operate"], groups: ["macs"] });
      await mesh.join(named("mac"));
      await mesh.call("PUT", "/api/v1/groups/prod", { body: { match: { tag: "prod" } } });
      const refused = await mesh.call("PATCH", "/api/v1/nodes/mac", { token, body });
      expect([refused.status, refused.body.code]).toEqual([403, "SCOPE_MISSING"]);
      expect((await mesh.call("GET", "/api/v1/nodes/mac")).body).toMatchObject({
        capabilities: { tags: [] },
        weight: 1,
      });
      const unlimited = (await makeToken(mesh, { scopes: ["operate"] })).token;
      const allowed = await mesh.call("PATCH", "/api/v1/nodes/mac", { token: unlimited, body });
      expect(allowed.status).toBe(200);
    },
  );
});

const guess = (at: number) => mesh.call("GET", "/api/v1/nodes", { token: `guess-${at}-${"x".repeat(20)}` });

describe("guessing", () => {
  test("is locked out over HTTP, told when to come back, and known to the audit", async () => {
    for (let at = 0; at < 10; at += 1) expect((await guess(at)).status).toBe(401);
    const locked = await guess(10);
    expect([locked.status, locked.body.code, locked.headers.get("retry-after")]).toEqual([
      429,
      "TOO_MANY_TRIES",
      "1",
    ]);
    const entries = await until("the audit tells of it", async () => {
      const told = (await mesh.call("GET", "/api/v1/audit?action=lockout")).body.entries;
      return told?.length > 0 ? told : null;
    });
    expect(entries).toMatchObject([
      { action: "lockout.address", address: "127.0.0.1", result: "TOO_MANY_TRIES" },
    ]);
  });

  test("leaves alone what nobody can guess, and holds an admin token of a person back, also where it was in", async () => {
    const { token } = await makeToken(mesh, { scopes: ["read"] });
    expect((await mesh.call("GET", "/api/v1/nodes", { token })).status).toBe(200);
    const node = await mesh.join(named("home"));
    for (let at = 0; at < 20; at += 1) await guess(at);
    expect((await mesh.call("GET", "/api/v1/nodes", { token })).status).toBe(200);
    expect((await mesh.call("GET", "/api/v1/nodes")).status).toBe(429);
    await node.close();
    const back = await mesh.rejoin(node);
    expect(back.welcome.returning).toBeTrue();
  });

  test("of invites by a stranger's name is locked out by that name, and keeps no own name out", async () => {
    const invited = (host: string) =>
      fetch(`http://127.0.0.1:${mesh.port()}/api/v1/link`, {
        headers: { authorization: `Bearer cmi_${createSecret()}`, host },
      });
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries += 1) statuses.push((await invited("stranger.example")).status);
    expect(statuses.slice(0, 2)).toEqual([401, 401]);
    expect(statuses.at(-1)).toBe(429);
    expect((await invited(`127.0.0.1:${mesh.port()}`)).status).toBe(401);
  });

  test("of nobody is an invite at the login: every one gets the same answer", async () => {
    const { body } = await mesh.call("POST", "/api/v1/invites", { body: {} });
    for (let tries = 0; tries < 15; tries += 1) {
      const answers = [await logIn(mesh, body.code), await logIn(mesh, `cmi_${createSecret()}`)];
      expect(answers.map(({ status, body: told }) => [status, told.error])).toEqual([
        [401, "An invite cannot log in."],
        [401, "An invite cannot log in."],
      ]);
    }
  });

  test("at the login is locked out, too", async () => {
    for (let at = 0; at < 10; at += 1) {
      expect((await logIn(mesh, `guess-${at}-${"x".repeat(20)}`)).status).toBe(401);
    }
    const locked = await logIn(mesh, "another");
    expect([locked.status, locked.body.code]).toEqual([429, "TOO_MANY_TRIES"]);
  });
});

describe("what others do who guess, or have what was good once,", () => {
  test("keeps no token out that nobody can guess, also right after a restart", async () => {
    const { token } = await makeToken(mesh, { scopes: ["read"] });
    const node = await mesh.join(named("home"));
    await mesh.restart({ token: null });
    for (let at = 0; at < 20; at += 1) await guess(at);
    expect((await mesh.call("GET", "/api/v1/nodes", { token })).status).toBe(200);
    expect((await logIn(mesh, token)).status).toBe(200);
    expect((await mesh.rejoin(node)).welcome.returning).toBeTrue();
  });

  test("keeps no generated admin token out; one that a person chose has to wait", async () => {
    const list = (token: string) => mesh.call("GET", "/api/v1/nodes", { token });
    await mesh.restart();
    for (let at = 0; at < 10; at += 1) await guess(at);
    expect((await list(mesh.token)).body.code).toBe("TOO_MANY_TRIES");
    const generated = createSecret();
    await mesh.restart({ token: new Secret(generated) });
    for (let at = 0; at < 20; at += 1) await guess(at);
    expect((await list(generated)).status).toBe(200);
    expect((await logIn(mesh, generated)).status).toBe(200);
  });

  test("is no guess with the text from before a rotation", async () => {
    const { id, token } = await makeToken(mesh, { scopes: ["read"] });
    await mesh.call("POST", `/api/v1/tokens/${id}/rotate`);
    for (const isRestarted of [false, true]) {
      if (isRestarted) await mesh.restart();
      for (let at = 0; at < 12; at += 1) {
        const { status, body } = await mesh.call("GET", "/api/v1/nodes", { token });
        expect([status, body.error]).toEqual([401, expect.stringContaining("given a new text")]);
      }
    }
    expect((await guess(0)).body.code).toBe("TOKEN_INVALID");
  });
});

describe("a login", () => {
  test("is a cookie that no script reads and no other site sends", async () => {
    const { status, headers, body } = await logIn(mesh, mesh.token);
    expect([status, body.subject]).toEqual([200, "admin"]);
    expect(headers.get("set-cookie")).toMatch(
      /^claw_mesh_session=[0-9a-f]{64}; Max-Age=(?:43200|43199); Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });

  test.each(["node", "invite", "unknown"])("is not to be had with the token of: %s", async (kind) => {
    const token =
      kind === "node"
        ? (await mesh.join()).token
        : kind === "invite"
          ? (await mesh.call("POST", "/api/v1/invites", { body: {} })).body.code
          : "unknown";
    const answer = await logIn(mesh, token);
    expect([answer.status, answer.body.code, answer.headers.get("set-cookie")]).toEqual([
      401,
      "TOKEN_INVALID",
      null,
    ]);
  });

  test("does not do more than its token", async () => {
    const { token } = await makeToken(mesh, { scopes: ["read"] });
    const headers = { ...asJson, cookie: cookieOf((await logIn(mesh, token)).headers) };
    const origin = `http://127.0.0.1:${mesh.port()}`;
    expect((await mesh.call("GET", "/api/v1/nodes", { token: null, headers })).status).toBe(200);
    const more = { token: null, headers: { ...headers, origin }, body: {} };
    for (const path of ["/api/v1/tokens", "/api/v1/invites", "/api/v1/route"]) {
      const answer = await mesh.call("POST", path, more);
      expect([answer.status, answer.body.code]).toEqual([403, "SCOPE_MISSING"]);
    }
  });

  test("ends with the coordinator", async () => {
    const headers = { cookie: cookieOf((await logIn(mesh, mesh.token)).headers) };
    await mesh.restart();
    expect((await mesh.call("GET", "/api/v1/nodes", { token: null, headers })).status).toBe(401);
  });

  test("of anybody else is not found by trying: an unknown cookie opens nothing", async () => {
    const headers = { cookie: `claw_mesh_session=${"0".repeat(64)}` };
    const answer = await mesh.call("GET", "/api/v1/nodes", { token: null, headers });
    expect([answer.status, answer.body.code]).toEqual([401, "TOKEN_INVALID"]);
  });
});
