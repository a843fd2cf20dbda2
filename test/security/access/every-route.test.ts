import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { sha256Hex } from "../../../src/platform/hash.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { type Contract, contract } from "../../../src/protocol/http/contract.ts";
import type { RouteContract } from "../../../src/protocol/http/route.ts";
import { createSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import { asJson } from "../../support/access.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

/** Everybody who may call: what a token of `scope` alone, and all that is no token of a scope, gets to. */
const callers = [
  "nobody",
  "the admin token",
  "scope admin",
  "scope operate",
  "scope read",
  "scope send",
  "scope metrics",
  "the node itself",
  "another node",
  "an invite",
  "a revoked token",
  "an expired token",
] as const;
type Caller = (typeof callers)[number];

const admins: readonly Caller[] = ["the admin token", "scope admin"];
const operators: readonly Caller[] = [...admins, "scope operate"];
const readers: readonly Caller[] = [...operators, "scope read"];
const senders: readonly Caller[] = [...admins, "scope send"];
const everybody: readonly Caller[] = callers;

interface Line {
  readonly opensTo: readonly Caller[];
  /** One that its handler takes, where that has a say in who gets in. */
  readonly body?: unknown;
}

/**
 * Who gets in where. Written by hand, so that a route that is added, or whose scopes change, does not pass unseen: all
 * others are refused, with 401 when they showed nothing that is good, else with 403.
 */
const table: Readonly<Record<keyof Contract, Line>> = {
  getHealth: { opensTo: everybody },
  getReadiness: { opensTo: everybody },
  getOpenApi: { opensTo: everybody },
  getPage: { opensTo: everybody },
  getPageScript: { opensTo: everybody },
  getPageStyle: { opensTo: everybody },

  routeMessage: { opensTo: senders },
  routeMessageTo: { opensTo: senders },
  explainRoute: { opensTo: readers, body: { content: "hello" } },

  addTask: { opensTo: senders },
  listTasks: { opensTo: [...readers, "scope send"] },
  getTask: { opensTo: [...readers, "scope send"] },
  getTaskDecision: { opensTo: [...readers, "scope send"] },
  streamTask: { opensTo: [...readers, "scope send"] },
  cancelTask: { opensTo: [...operators, "scope send"] },
  retryTask: { opensTo: [...operators, "scope send"] },
  discardTask: { opensTo: [...operators, "scope send"] },
  cancelTasks: { opensTo: [...operators, "scope send"] },
  retryTasks: { opensTo: [...operators, "scope send"] },
  discardTasks: { opensTo: [...operators, "scope send"] },

  listNodes: { opensTo: readers },
  getNode: { opensTo: [...readers, "the node itself"] },
  patchNode: { opensTo: operators, body: { weight: 2 } },
  removeNode: { opensTo: [...operators, "the node itself"] },
  listSkills: { opensTo: readers },
  getSeedConfig: { opensTo: [...admins, "the node itself", "another node"] },
  getSeedWorkspace: { opensTo: [...admins, "the node itself", "another node"] },
  registerNode: { opensTo: [...admins, "the node itself", "another node", "an invite"] },
  heartbeatNode: { opensTo: [...admins, "the node itself"], body: { status: "online" } },
  openLink: { opensTo: [...admins, "the node itself", "another node", "an invite"] },

  listRules: { opensTo: readers },
  addRule: { opensTo: admins },
  replaceRule: { opensTo: admins },
  removeRule: { opensTo: admins },
  orderRules: { opensTo: admins },
  listGroups: { opensTo: readers },
  putGroup: { opensTo: admins },
  removeGroup: { opensTo: admins },

  createInvite: { opensTo: admins, body: {} },
  listInvites: { opensTo: admins },
  revokeInvite: { opensTo: admins },
  createToken: { opensTo: admins },
  listTokens: { opensTo: admins },
  revokeToken: { opensTo: admins },
  rotateToken: { opensTo: admins },
  createSession: { opensTo: everybody, body: { token: "test-admin-token" } },
  getSession: { opensTo: [...readers, "scope send", "scope metrics", "the node itself", "another node"] },
  deleteSession: { opensTo: everybody },
  listAudit: { opensTo: admins },
  verifyAudit: { opensTo: admins },
};

/** Showing one of these is showing nothing. */
const unknown: ReadonlySet<Caller> = new Set(["nobody", "a revoked token", "an expired token"]);

const routes = Object.entries(contract) as unknown as readonly (readonly [keyof Contract, RouteContract])[];

let mesh: TestCoordinator;
let otherNode: FakeNode;
const tokens = new Map<Caller, string>();

beforeAll(async () => {
  mesh = await createTestCoordinator();
  tokens.set("the admin token", mesh.token);
  for (const scope of ["admin", "operate", "read", "send", "metrics"] as const) {
    tokens.set(`scope ${scope}`, await makeToken(`only-${scope}`, scope));
  }
  tokens.set("a revoked token", await makeToken("revoked", "admin"));
  expect((await mesh.call("DELETE", "/api/v1/tokens/revoked")).status).toBe(204);
  tokens.set("an expired token", await makeExpiredToken());
  otherNode = await mesh.join({ name: "other" as FakeNode["hello"]["name"] });
  tokens.set("another node", otherNode.token);
  tokens.set("an invite", (await mesh.call("POST", "/api/v1/invites", { body: {} })).body.code);
});
afterAll(() => mesh[Symbol.asyncDispose]());

async function makeToken(name: string, scope: string): Promise<string> {
  const made = await mesh.call("POST", "/api/v1/tokens", { body: { name, scopes: [scope] } });
  expect(made.status).toBe(201);
  return made.body.token;
}

/** No token lives less than ten seconds: one that has expired is put into the database of the coordinator. */
async function makeExpiredToken(): Promise<string> {
  const token = `cmt_00000000${"0".repeat(32)}`;
  await mesh.stop(0);
  const file = join(mesh.dataDir, "mesh.db");
  const store = await createSqliteStore({ file, clock: systemClock, ids: systemIds });
  await store.tokens.save({
    id: systemIds.token(),
    name: "expired",
    tokenHash: sha256Hex(token),
    shown: token.slice(0, 12),
    scopes: ["admin"],
    groups: null,
    ratePerMinute: null,
    isUntrusted: false,
    createdAtMs: systemClock.nowMs() - 60_000,
    createdBy: "admin",
    rotatedAtMs: null,
    expiresAtMs: systemClock.nowMs() - 1,
    lastUsedAtMs: null,
    lastUsedFrom: null,
    revokedAtMs: null,
  });
  await store.close();
  await mesh.restart();
  return token;
}

let nodes = 0;

/** "The node itself" is another one in each case: some of them remove it. */
async function joinNode(): Promise<FakeNode> {
  nodes += 1;
  return mesh.join({ name: `self-${nodes}` as FakeNode["hello"]["name"] });
}

async function callAs(caller: Caller, operation: keyof Contract, route: RouteContract) {
  const isOfNode = route.path.includes("/nodes/{id}");
  const self = isOfNode || caller === "the node itself" ? await joinNode() : null;
  const token = caller === "the node itself" ? (self?.token ?? null) : (tokens.get(caller) ?? null);
  const path = route.path.replace(/\{\w+\}/g, isOfNode ? (self?.nodeId ?? "") : placeholder(route));
  const { body } = table[operation];
  return mesh.call(route.method, path, {
    token,
    ...(route.body === undefined ? {} : { body: body ?? {}, headers: asJson }),
  });
}

/** An id of what is not there, in the right form. */
function placeholder({ tag }: RouteContract): string {
  return tag === "tasks" ? `task_${"0".repeat(32)}` : tag === "rules" ? `rule_${"0".repeat(32)}` : "none";
}

test("every route has a line in the table, and no line is of a route that is gone", () => {
  expect(Object.keys(table).toSorted()).toEqual(Object.keys(contract).toSorted());
});

describe.each(routes.map(([operation, route]) => ({ operation, route })))(
  "$operation ($route.method $route.path)",
  ({ operation, route }) => {
    test.each(callers)("%s", async (caller) => {
      const { opensTo } = table[operation];
      const { status, body } = await callAs(caller, operation, route);
      if (opensTo.includes(caller)) return expect([401, 403]).not.toContain(status);
      const shows = unknown.has(caller);
      expect([status, body.code]).toEqual(
        shows ? [401, caller === "nobody" ? "TOKEN_MISSING" : "TOKEN_INVALID"] : [403, "SCOPE_MISSING"],
      );
    });
  },
);

describe("a wrong token", () => {
  let strange: TestCoordinator;
  let guesses = 0;
  beforeAll(async () => {
    strange = await createTestCoordinator();
  });
  afterAll(() => strange[Symbol.asyncDispose]());

  const guarded = routes.filter(([operation]) => table[operation].opensTo !== everybody);

  test.each(guarded.map(([operation, route]) => ({ operation, route })))(
    "does not open $operation",
    async ({ route }) => {
      guesses += 1;
      const { status, body } = await strange.call(route.method, route.path.replace(/\{\w+\}/g, "none"), {
        token: `${guesses}-${"x".repeat(30)}`,
        ...(route.body === undefined ? {} : { body: {} }),
      });
      // Ten in a minute are locked out.
      expect(["401 TOKEN_INVALID", "429 TOO_MANY_TRIES"]).toContain(`${status} ${body.code}`);
    },
  );
});
