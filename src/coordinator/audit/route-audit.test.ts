import { describe, expect, test } from "bun:test";
import { systemIds } from "../../platform/ids.ts";
import { contract } from "../../protocol/http/contract.ts";
import type { RouteContract } from "../../protocol/http/route.ts";
import { adminPrincipal, anonymous } from "../auth/principal.ts";
import type { AuditedCall } from "../http/call.ts";
import { hideSecrets } from "./route-acts.ts";
import { auditOf } from "./route-audit.ts";

const call = (route: RouteContract, parts: Partial<AuditedCall> = {}): AuditedCall => ({
  route,
  principal: adminPrincipal,
  address: "10.0.0.7",
  params: undefined,
  body: undefined,
  answer: undefined,
  result: "ok",
  ...parts,
});

const secret = "cmt_0123456789abcdefghijkl";
const routes: readonly RouteContract[] = Object.values(contract);

/** Routes that change something and are not in the audit, each with its reason. */
const unaudited: Readonly<Record<string, string>> = {
  routeMessage: "sending: the task's own record tells who sent it, from where and when",
  routeMessageTo: "sending: the task's own record tells who sent it, from where and when",
  addTask: "sending: the task's own record tells who sent it, from where and when",
  explainRoute: "changes nothing",
  heartbeatNode: "a sign of life; what it changes is seen in the node itself",
};

describe("every route that is not a GET", () => {
  const changing = routes.filter((route) => route.method !== "GET");
  test.each(changing.map((route) => [route.operationId, route.audits ?? null]))(
    "is in the audit, or has a reason not to be: %s",
    (operation, action) => {
      expect(action === null).toBe(operation in unaudited);
    },
  );

  test("has an action of its own, named thing.verb", () => {
    const actions = changing.flatMap((route) => route.audits ?? []);
    expect(new Set(actions).size).toBe(actions.length);
    for (const action of actions) expect(action).toMatch(/^[a-z]+\.[a-z_]+$/);
  });

  test("no reason is left over", () => {
    for (const operation of Object.keys(unaudited)) {
      expect(changing.map((route) => route.operationId)).toContain(operation);
    }
  });
});

describe("an entry of a call", () => {
  test("names what was made, and what it may do, never the token", () => {
    const body = { name: "phone", scopes: ["read", "send"], groups: ["macs"], ttl_s: 60 };
    const answer = { id: "token_1", token: secret, expires_at: "2026-11-22T10:00:00.000Z" };
    const act = auditOf(call(contract.createToken, { body, answer }));
    expect(act).toEqual({
      subject: "admin",
      address: "10.0.0.7",
      action: "token.create",
      target: "token_1",
      result: "ok",
      details: {
        name: "phone",
        scopes: "read,send",
        groups: "macs",
        expires_at: "2026-11-22T10:00:00.000Z",
      },
    });
  });

  test("names who logged in, and never his token", () => {
    const answer = { subject: "token_1", expires_at: null, name: "phone" };
    const given = call(contract.createSession, { principal: anonymous, body: { token: secret }, answer });
    expect(auditOf(given)).toMatchObject({ subject: "token_1", details: { expires_at: null } });
    const refused = { ...given, answer: undefined, result: "TOKEN_INVALID" };
    expect(auditOf(refused)).toMatchObject({ subject: "anonymous", result: "TOKEN_INVALID", details: {} });
    for (const act of [auditOf(given), auditOf(refused)]) expect(JSON.stringify(act)).not.toContain(secret);
  });

  test("tells what was edited in a task that runs again, never its content", () => {
    const body = { content: "the secret plan", priority: 9 };
    const answer = { id: "task_2", content: "the secret plan" };
    const act = auditOf(call(contract.retryTask, { params: { id: "task_1" }, body, answer }));
    expect(act).toMatchObject({
      target: "task_1",
      details: { retried_as: "task_2", edited: "content,priority" },
    });
    expect(JSON.stringify(act)).not.toContain("plan");
  });

  test("counts the tasks of a bulk call", () => {
    const answer = { matched: 9, done: [{}, {}], failed: [{}] };
    const body = { filter: { state: "failed" }, limit: 9 };
    expect(auditOf(call(contract.retryTasks, { body, answer })).details).toEqual({
      filter: '{"state":"failed"}',
      matched: 9,
      done: 2,
      failed: 1,
    });
  });

  test("tells nothing of the body of a call that was refused", () => {
    const given = call(contract.addRule, { body: { match: { content: secret } }, result: "RULE_INVALID" });
    expect(auditOf(given)).toMatchObject({ result: "RULE_INVALID", target: null, details: {} });
  });

  test.each([
    ["a token", secret],
    ["an invite", `cmi_${"a1".repeat(11)}.${"b2".repeat(20)}`],
    ["a node's token", `cmn_${"a1".repeat(11)}`],
    ["an admin token", "0123456789abcdef0123456789abcdef"],
  ])("hides %s that was given in place of a name", (_, token) => {
    const given = call(contract.revokeToken, { params: { id: token }, result: "TOKEN_NOT_FOUND" });
    expect(auditOf(given).target).toContain("***");
    expect(auditOf(given).target).not.toContain(token.slice(4, 20));
    const named = call(contract.createToken, { body: { name: token }, answer: { id: "token_1" } });
    expect(JSON.stringify(auditOf(named))).not.toContain(token.slice(4, 20));
  });

  test("keeps ids and names", () => {
    const ids = [systemIds.token(), systemIds.node(), systemIds.task(), systemIds.rule(), systemIds.invite()];
    for (const text of [
      ...ids,
      "mac-mini-in-the-living-room",
      "家里的电脑",
      "build-server-0001.example.org",
    ]) {
      expect(hideSecrets(text)).toBe(text);
    }
  });

  // Whatever an answer may hold, no field is copied that is not named: secrets of every route are planted here.
  test.each(routes.filter((route) => route.audits !== undefined).map((route) => [route.operationId, route]))(
    "of %s holds no secret that its body or answer has",
    (_, route) => {
      const planted = { token: secret, code: secret, content: secret, secret, key: secret, response: secret };
      const act = auditOf(call(route, { params: { id: "thing" }, body: planted, answer: planted }));
      expect(JSON.stringify(act)).not.toContain(secret.slice(4, 20));
    },
  );
});
