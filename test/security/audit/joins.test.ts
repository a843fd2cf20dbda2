/** Machines that come over a link: what the audit tells of them, and that they cannot push others out of it. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createJoinActs } from "../../../src/coordinator/audit/join-acts.ts";
import type { AuditEntry } from "../../../src/protocol/audit.ts";
import { type FakeNodeOptions, nextInstance } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const invite = async (body: Readonly<Record<string, unknown>> = {}) =>
  (await mesh.call("POST", "/api/v1/invites", { body })).body as {
    readonly id: string;
    readonly code: string;
  };
const entries = async (action: string): Promise<readonly AuditEntry[]> =>
  (await mesh.call("GET", `/api/v1/audit?action=${action}&limit=100`)).body.entries;
const written = (action: string, result: string) =>
  until(`${action} ${result}`, async () => (await entries(action)).find((entry) => entry.result === result));

test("one machine that redeems its invite again and again is one redemption in the audit", async () => {
  const { id, code } = await invite();
  const instance = nextInstance();
  const joins = 6;
  for (let at = 0; at < joins; at += 1) await mesh.join({ token: code, instance, ...named("box") });
  expect(await entries("invite.redeem")).toMatchObject([{ subject: id, details: { name: "box" } }]);
});

test("a join tells the tags and groups that its invite gave", async () => {
  await mesh.call("PUT", "/api/v1/groups/quiet", { body: { nodes: ["somebody"] } });
  const { id, code } = await invite({ tags: ["red", "big"], groups: ["quiet"] });
  const node = await mesh.join({ token: code, ...named("box") });
  const granted = { name: "box", tags: "red,big", groups: "quiet" };
  // Before the machine has its token.
  expect(await entries("node.join")).toMatchObject([{ subject: id, target: node.nodeId, details: granted }]);
  expect(await entries("invite.redeem")).toMatchObject([{ details: { ...granted, node: node.nodeId } }]);
});

test("a machine that is refused over its link is in the audit, with the code, once for many", async () => {
  const first = await mesh.join(named("box"));
  const { code } = await invite();
  for (let at = 0; at < 5; at += 1) {
    await expect(mesh.join({ token: code, ...named("box") })).rejects.toMatchObject({ reason: "NAME_TAKEN" });
  }
  await expect(mesh.rejoin(first, { instance: nextInstance() })).rejects.toThrow("NODE_ALREADY_LINKED");
  const bound = await invite({ name: "gpu-box" });
  await expect(mesh.join({ token: bound.code, ...named("mac") })).rejects.toThrow("INVITE_INVALID");
  expect(await written("node.join", "NODE_ALREADY_LINKED")).toMatchObject({ subject: first.nodeId });
  expect(await written("node.join", "INVITE_INVALID")).toMatchObject({
    address: "127.0.0.1",
    details: { name: "mac" },
  });
  const taken = (await entries("node.join")).filter(({ result }) => result === "NAME_TAKEN");
  expect(taken).toHaveLength(1);
});

test("a made-up invite is in the audit, with where it came from, thirty times a minute at most", async () => {
  for (let at = 0; at < 5; at += 1) await expect(mesh.join({ token: `cmi_made-up-${at}` })).rejects.toThrow();
  expect(await written("invite.redeem", "INVITE_INVALID")).toMatchObject({
    subject: "anonymous",
    address: "127.0.0.1",
  });
});

test("nobody joins while the audit cannot be written", () => {
  const trail = { record: async () => undefined, note: () => undefined, trouble: () => "the disk is full" };
  const joins = createJoinActs({ trail, repeats: { admit: () => true, flush: () => undefined } });
  expect(() => joins.assertRecordable()).toThrow("Nobody joins who cannot be audited: the disk is full.");
});

test("no token is told before its join is stored", async () => {
  const stored = Promise.withResolvers<void>();
  const trail = { record: () => stored.promise, note: () => undefined, trouble: () => null };
  const joins = createJoinActs({ trail, repeats: { admit: () => true, flush: () => undefined } });
  const who = { subject: "admin", address: "127.0.0.1", name: "box", isAdmin: true };
  const joining = joins.joined(who, { nodeId: "node_1", isReturning: false, tags: [], groups: [] });
  stored.reject(new Error("the disk is full"));
  await expect(joining).rejects.toThrow("the disk is full");
});
