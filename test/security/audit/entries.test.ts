import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { freeCallsPerMinute } from "../../../src/coordinator/audit/route-audit.ts";
import type { AuditEntry } from "../../../src/protocol/audit.ts";
import { contract } from "../../../src/protocol/http/contract.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;

beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const list = async (query = ""): Promise<readonly AuditEntry[]> =>
  (await mesh.call("GET", `/api/v1/audit?limit=1000${query}`)).body.entries;

const audited = Object.values(contract).filter((route) => "audits" in route);

/** A path of the route, with something that is not there. */
function pathOf(path: string): string {
  return path
    .replace("/tasks/{id}", `/tasks/task_${"0".repeat(32)}`)
    .replace("/rules/{id}", `/rules/rule_${"0".repeat(32)}`)
    .replace(/\{\w+\}/g, "nobody");
}

describe("a call without a token is in the audit:", () => {
  const refused = audited.filter((route) => route.scopes[0] !== "none");
  test.each(refused.map((route) => [route.operationId, route] as const))("%s", async (_, route) => {
    const { status } = await mesh.call(route.method, pathOf(route.path), { token: null });
    expect(status).toBe(401);
    const find = async () => (await list(`&action=${"audits" in route ? route.audits : ""}`))[0];
    expect(await until("it is written", find)).toMatchObject({
      subject: "anonymous",
      address: "127.0.0.1",
      result: "TOKEN_MISSING",
    });
  });
});

test("no secret that was made or shown is in the audit, nor in the database beside its hash", async () => {
  const bodyOf = async (path: string, body: object) => (await mesh.call("POST", path, { body })).body;
  const token = await bodyOf("/api/v1/tokens", { name: "phone", scopes: ["operate"] });
  const rotated = await bodyOf("/api/v1/tokens/phone/rotate", {});
  const invite = await bodyOf("/api/v1/invites", {});
  const node = await mesh.join({ name: "mac-mini", token: invite.code });
  await mesh.call("DELETE", `/api/v1/tokens/${rotated.token}`);
  await mesh.call("DELETE", `/api/v1/invites/${invite.code}`);
  await mesh.call("DELETE", `/api/v1/nodes/${mesh.token}`);
  await mesh.call("PATCH", "/api/v1/nodes/mac-mini", {
    token: rotated.token,
    body: { scheduling: "active" },
  });
  const wrong = `cmt_${"wrongwrong12".repeat(2)}`;
  await mesh.call("POST", "/api/v1/session", { token: null, body: { token: wrong } });
  await mesh.call("POST", "/api/v1/rules", {
    body: { match: { content: rotated.token }, target: "mac-mini" },
  });
  const secrets = [token.token, rotated.token, invite.code, node.token, wrong];
  for (const secret of secrets) expect(secret.length).toBeGreaterThan(20);
  const shown = JSON.stringify(await list());
  for (const secret of secrets) expect(shown).not.toContain(secret);
  await mesh.stop();
  const bytes = await Bun.file(join(mesh.dataDir, "mesh.db")).bytes();
  const database = Buffer.from(bytes).toString("latin1");
  for (const secret of [token.token, invite.code, node.token, wrong]) expect(database).not.toContain(secret);
});

test("thousands of calls without a token write a bounded number of entries", async () => {
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        mesh.call("PUT", `/api/v1/groups/group-${at}`, { token: null, body: { nodes: ["x"] } }),
      ),
    );
  }
  await until("it is written", async () => (await list("&action=group.")).length > 0);
  expect((await list("&action=group.")).length).toBe(1);
  await mesh.restart();
  expect((await list("&action=group."))[0]).toMatchObject({
    result: "TOKEN_MISSING",
    details: { count: 999 },
  });
});

test("thousands of calls by a token without the scope admin write a bounded number of entries, and count the rest", async () => {
  const { id, token } = (
    await mesh.call("POST", "/api/v1/tokens", { body: { name: "app", scopes: ["send"] } })
  ).body;
  const body = { ids: [`task_${"0".repeat(32)}`] };
  for (let round = 0; round < 20; round += 1) {
    const calls = Array.from({ length: 50 }, () =>
      mesh.call("POST", "/api/v1/tasks/cancel", { token, body }),
    );
    expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
  }
  expect((await list(`&subject=${id}`)).length).toBe(freeCallsPerMinute);
  await mesh.restart();
  const entries = await list(`&subject=${id}`);
  expect(entries).toHaveLength(freeCallsPerMinute + 1);
  expect(entries[0]).toMatchObject({
    action: "task.cancel_many",
    details: { count: 1_000 - freeCallsPerMinute },
  });
});

test("every change of an admin is written, however many", async () => {
  await Promise.all(
    Array.from({ length: 300 }, (_, at) =>
      mesh.call("PUT", `/api/v1/groups/group-${at}`, { body: { nodes: ["x"] } }),
    ),
  );
  expect(await list("&action=group.put")).toHaveLength(300);
});
