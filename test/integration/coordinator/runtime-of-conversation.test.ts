/** A conversation stays in the runtime of its node that has its turns. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { RuntimeKind } from "../../../src/protocol/capability.ts";
import type { RuntimeStatus } from "../../../src/protocol/node.ts";
import { type FakeNode, readyRuntime } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
let node: FakeNode;

const runtime = (kind: RuntimeKind, parts: Partial<RuntimeStatus> = {}): RuntimeStatus => ({
  ...readyRuntime,
  kind,
  slots: 2,
  in_flight: 0,
  ...parts,
});
const away = { ready: false, reason: "it restarts" } as const;
const both = [runtime("openclaw"), runtime("zeroclaw")];

beforeEach(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ slots: 4, runtimes: both });
});
afterEach(() => mesh[Symbol.asyncDispose]());

const tell = (...runtimes: RuntimeStatus[]) =>
  node.send({
    type: "status",
    load: { in_flight: 0, cpu: 0, memory: 0 },
    slots: 4,
    runtimes,
    recovering: [],
  });
const tasks = async () => (await mesh.call("GET", "/api/v1/tasks")).body.tasks;

/** A turn that the node gives to what is required of it, else to its first. @returns what was required */
async function turn(content: string, parts: object = {}): Promise<RuntimeKind | undefined> {
  const body = { content, session: "lake", ...parts };
  expect((await mesh.call("POST", "/api/v1/tasks", { body })).status).toBe(202);
  const offer = await node.nextOffer(content);
  const ref = { task: offer.task, attempt: offer.attempt };
  node.send({ type: "started", ...ref, runtime: offer.runtime ?? "openclaw" });
  node.result(offer, "done");
  return offer.runtime;
}

test("that a rule chose, for all of its turns, also after a restart of the coordinator", async () => {
  const match = { content: "night", requires_runtime: "zeroclaw" };
  expect((await mesh.call("POST", "/api/v1/rules", { body: { match } })).status).toBe(201);
  expect([await turn("night work"), await turn("and then?")]).toEqual(["zeroclaw", "zeroclaw"]);
  await mesh.restart({ port: mesh.port() });
  node = await mesh.rejoin(node, { slots: 4, runtimes: both });
  expect(await turn("and after that?")).toBe("zeroclaw");
});

test("that its first turn asked for, and that a later turn does not change by asking for another", async () => {
  const requires = (kind: RuntimeKind) => ({ requires: { runtime: kind } });
  expect(await turn("one", requires("zeroclaw"))).toBe("zeroclaw");
  expect(await turn("two")).toBe("zeroclaw");
  expect(await turn("three", requires("openclaw"))).toBe("openclaw");
  expect(await turn("four")).toBe("zeroclaw");
});

test("that the node gave it to, which is waited for while it restarts", async () => {
  expect(await turn("one")).toBeUndefined();
  tell(runtime("openclaw", away), runtime("zeroclaw"));
  await until("it is told", async () => (await mesh.call("GET", "/api/v1/nodes")).body[0].runtimes[0].reason);
  const waiting = turn("two");
  await until("it waits", async () =>
    (await tasks()).some((task: Record<string, string>) => task.state === "queued"),
  );
  expect(node.frames.filter(({ type }) => type === "offer")).toHaveLength(1);
  tell(...both);
  expect(await waiting).toBe("openclaw");
});

test("until the node has that runtime no more", async () => {
  expect(await turn("one", { requires: { runtime: "zeroclaw" } })).toBe("zeroclaw");
  tell(runtime("openclaw"), runtime("openai"));
  expect(await turn("two")).toBeUndefined();
  tell(...both);
  expect(await turn("three")).toBe("openclaw");
});
