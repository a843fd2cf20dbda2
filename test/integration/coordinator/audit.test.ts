import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AuditEntry } from "../../../src/protocol/audit.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;

beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

type Filter = Readonly<Record<string, string>>;

async function list(filter: Filter = {}): Promise<readonly AuditEntry[]> {
  const query = new URLSearchParams(filter);
  const { status, body } = await mesh.call("GET", `/api/v1/audit?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body.entries;
}

const createToken = async (name: string, scopes: readonly string[]) =>
  (await mesh.call("POST", "/api/v1/tokens", { body: { name, scopes } })).body;

const rule = { match: { content: "deploy" }, target: "anything" };

describe("the audit says", () => {
  test("who did what to what from where, before the caller is answered", async () => {
    const { id } = (await mesh.call("POST", "/api/v1/rules", { body: rule })).body;
    expect(await list({ action: "rule.add" })).toEqual([
      {
        seq: 2,
        at: expect.any(String),
        subject: "admin",
        address: "127.0.0.1",
        action: "rule.add",
        target: id,
        result: "ok",
        details: { rule: JSON.stringify(rule) },
        previous_hash: expect.any(String),
        hash: expect.any(String),
      },
    ]);
  });

  test("which token did it, and what it was given", async () => {
    const operator = await createToken("phone", ["operate"]);
    const node = await mesh.join({ name: "mac-mini" });
    await mesh.call("PATCH", `/api/v1/nodes/${node.nodeId}`, {
      token: operator.token,
      body: { scheduling: "cordoned", add_tags: ["家"] },
    });
    expect(await list({ subject: operator.id })).toMatchObject([
      {
        action: "node.change",
        target: node.nodeId,
        result: "ok",
        details: { name: "mac-mini", scheduling: "cordoned", add_tags: "家" },
      },
    ]);
    expect(await list({ target: operator.id })).toMatchObject([
      { action: "token.create", subject: "admin", details: { name: "phone", scopes: "operate" } },
    ]);
  });

  test("who joined with what, and who went", async () => {
    const invite = (await mesh.call("POST", "/api/v1/invites", { body: {} })).body;
    const node = await mesh.join({ name: "mac-mini", token: invite.code });
    const other = await mesh.join({ name: "linux" });
    expect((await mesh.call("DELETE", "/api/v1/nodes/linux")).status).toBe(204);
    expect(await list({ target: node.nodeId })).toMatchObject([
      { action: "node.join", subject: invite.id, address: "127.0.0.1", details: { name: "mac-mini" } },
    ]);
    expect((await list({ target: invite.id })).map((entry) => entry.action)).toEqual([
      "invite.redeem",
      "invite.create",
    ]);
    expect((await list({ target: other.nodeId })).map((entry) => entry.action)).toEqual([
      "node.remove",
      "node.join",
    ]);
    expect(await list({ action: "node.remove" })).toMatchObject([
      { action: "node.remove", subject: "admin", target: other.nodeId, details: { name: "linux" } },
    ]);
  });

  test("who logged in and out, and who tried", async () => {
    const reader = await createToken("dashboard", ["read"]);
    const headers = { "content-type": "application/json" };
    const logIn = (token: string) =>
      mesh.call("POST", "/api/v1/session", { token: null, headers, body: { token } });
    const { status, headers: answered } = await logIn(reader.token);
    expect(status).toBe(200);
    await logIn(`${reader.token}x`);
    const cookie = answered.get("set-cookie")?.split(";")[0] ?? "";
    const origin = `http://127.0.0.1:${mesh.port()}`;
    const out = await mesh.call("DELETE", "/api/v1/session", { token: null, headers: { cookie, origin } });
    expect(out.status).toBe(204);
    const none = { token: null, headers: { cookie, origin } };
    expect((await mesh.call("DELETE", "/api/v1/session", none)).status).toBe(204);
    const entries = await until("they are written", async () => {
      const found = await list({ action: "session." });
      return found.length === 4 ? found : null;
    });
    expect(entries.map((entry) => [entry.subject, entry.action, entry.result])).toEqual([
      // Whose login it was is not known any more.
      ["anonymous", "session.delete", "ok"],
      [reader.id, "session.delete", "ok"],
      ["anonymous", "session.create", "TOKEN_INVALID"],
      [reader.id, "session.create", "ok"],
    ]);
  });

  test("when the coordinator started and stopped, in one chain over restarts", async () => {
    await mesh.restart();
    const entries = await list({ from: "0" });
    expect(entries.map((entry) => entry.action)).toEqual([
      "coordinator.start",
      "coordinator.stop",
      "coordinator.start",
    ]);
    expect(entries[0]).toMatchObject({ subject: "coordinator", address: null, details: { version: "test" } });
    expect((await mesh.call("GET", "/api/v1/audit/verify")).body).toMatchObject({
      is_intact: true,
      entries: 3,
    });
  });

  test("nothing of reading, sending and asking", async () => {
    await mesh.join({ name: "mac-mini", onOffer: () => undefined } as object);
    await mesh.call("GET", "/api/v1/nodes");
    await mesh.call("POST", "/api/v1/route/explain", { body: { content: "hello" } });
    await mesh.call("POST", "/api/v1/tasks", { body: { content: "hello" } });
    expect((await list()).map((entry) => entry.action)).toEqual(["node.join", "coordinator.start"]);
  });
});

describe("a call that is refused", () => {
  test("is in the audit with its code, whoever made it", async () => {
    const reader = await createToken("dashboard", ["read"]);
    const refused = await mesh.call("DELETE", "/api/v1/nodes/mac-mini", { token: reader.token });
    expect(refused.status).toBe(403);
    await mesh.call("DELETE", "/api/v1/nodes/mac-mini", { token: null });
    await mesh.call("DELETE", "/api/v1/nodes/mac-mini", { token: "wrong" });
    await mesh.call("DELETE", "/api/v1/nodes/mac-mini");
    // Who is refused does not wait for the disk.
    const refusals = await until("they are written", async () => {
      const entries = await list({ action: "node.remove" });
      return entries.length === 4 ? entries : null;
    });
    expect(refusals).toMatchObject(
      [
        ["admin", "NODE_NOT_FOUND"],
        ["anonymous", "TOKEN_INVALID"],
        ["anonymous", "TOKEN_MISSING"],
        [reader.id, "SCOPE_MISSING"],
      ].map(([subject, result]) => ({ subject, result, target: "mac-mini", address: "127.0.0.1" })),
    );
  });

  test("is written once when it is repeated, then with how often", async () => {
    for (let times = 0; times < 50; times += 1) {
      await mesh.call("POST", "/api/v1/rules", { token: null, body: rule });
    }
    await until("it is written", async () => (await list({ action: "rule.add" })).length > 0);
    expect(await list({ action: "rule.add" })).toHaveLength(1);
    await mesh.restart();
    expect(await list({ action: "rule.add" })).toMatchObject([
      { subject: "anonymous", result: "TOKEN_MISSING", details: { count: 49, within_s: 60 } },
      { subject: "anonymous", result: "TOKEN_MISSING", details: {} },
    ]);
  });
});

describe("reading the audit", () => {
  test("goes backwards in pages and forwards in pages, and needs an admin", async () => {
    for (let count = 0; count < 5; count += 1) await mesh.call("POST", "/api/v1/rules", { body: rule });
    const page = async (query: string) => {
      const { entries, next } = (await mesh.call("GET", `/api/v1/audit?${query}`)).body;
      return [entries.map((entry: AuditEntry) => entry.seq), next];
    };
    expect(await page("limit=2")).toEqual([[6, 5], 5]);
    expect(await page("limit=2&cursor=5")).toEqual([[4, 3], 3]);
    expect(await page("limit=9&cursor=3")).toEqual([[2, 1], null]);
    expect(await page("limit=4&from=0")).toEqual([[1, 2, 3, 4], 5]);
    expect(await page("limit=4&from=5")).toEqual([[5, 6], null]);
    expect((await mesh.call("GET", "/api/v1/audit?from=1&subject=admin")).body.code).toBe("QUERY_INVALID");
    const operator = await createToken("operator", ["operate", "send"]);
    for (const path of ["/api/v1/audit", "/api/v1/audit/verify"]) {
      expect((await mesh.call("GET", path, { token: operator.token })).body.code).toBe("SCOPE_MISSING");
    }
  });

  test("finds a head that was noted, and tells when one is not in the chain", async () => {
    const verify = async (query = "") => (await mesh.call("GET", `/api/v1/audit/verify${query}`)).body;
    const { head } = await verify();
    await mesh.call("POST", "/api/v1/rules", { body: rule });
    expect(await verify(`?head=${head}`)).toMatchObject({ is_intact: true, entries: 2 });
    expect(await verify(`?head=${"a".repeat(64)}`)).toMatchObject({ is_intact: false, broken_at: 3 });
  });
});
