import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

describe("an idempotency key", () => {
  test("with the same body gives the same task and result, without another run", async () => {
    const node = await mesh.join();
    const first = mesh.send("once", { key: "k" });
    const offer = await node.nextOffer();
    const joined = mesh.send("once", { key: "k" });
    node.answer(offer, "only once");
    const answers = [await first, await joined, await mesh.send("once", { key: "k" })];
    for (const { status, body } of answers) {
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { message_id: offer.task, response: "only once" },
      });
    }
    expect(node.frames.filter((frame) => frame.type === "offer")).toHaveLength(1);
  });

  test("with another body, or for another node, is a conflict", async () => {
    const node = await mesh.join();
    const first = mesh.send("one", { key: "k" });
    const offer = await node.nextOffer();
    const conflict = { status: 409, body: { code: "IDEMPOTENCY_CONFLICT" } };
    expect(await mesh.send("two", { key: "k" })).toMatchObject(conflict);
    node.answer(offer, "one");
    await first;
    expect(await mesh.send("two", { key: "k" })).toMatchObject(conflict);
    expect(await mesh.send("one", { key: "k", to: node.nodeId })).toMatchObject(conflict);
  });

  test("of many calls at once runs once", async () => {
    const node = await mesh.join();
    const calls = Array.from({ length: 20 }, () => mesh.send("rush", { key: "rush" }));
    node.answer(await node.nextOffer(), "one run");
    const answers = await Promise.all(calls);
    expect(
      new Set(answers.map(({ status, body }) => `${status} ${body.message_id} ${body.response}`)).size,
    ).toBe(1);
    expect(node.frames.filter((frame) => frame.type === "offer")).toHaveLength(1);
  });

  test("gives back a failure too", async () => {
    const node = await mesh.join();
    const failing = mesh.send("fails", { key: "f" });
    const { task, attempt } = await node.nextOffer();
    const failure = { class: "runtime_error", kind: "auth", message: "no" } as const;
    node.send({ type: "failed", task, attempt, failure });
    const first = await failing;
    const again = await mesh.send("fails", { key: "f" });
    expect(first.body.code).toBe("RUNTIME_FAILED");
    expect(again).toMatchObject({
      status: first.status,
      body: { code: "RUNTIME_FAILED", details: { failure } },
    });
  });

  test("still gives the result after a restart, and when the node it named is gone", async () => {
    const node = await mesh.join();
    const first = mesh.send("lasting", { key: "l", to: node.name });
    const offer = await node.nextOffer();
    node.answer(offer, "lasts");
    await first;
    await mesh.restart();
    const again = { status: 200, body: { message_id: offer.task, response: "lasts" } };
    expect(await mesh.send("lasting", { key: "l", to: node.name })).toMatchObject(again);
    await mesh.call("DELETE", `/api/v1/nodes/${node.nodeId}`);
    expect(await mesh.send("lasting", { key: "l", to: node.name })).toMatchObject(again);
    const events = await (await mesh.stream("lasting", { key: "l", to: node.name })).text();
    expect(events).toContain("event: decision");
    expect(events).toContain('"response":"lasts"');
  });

  test("must have 1 to 256 characters", async () => {
    await mesh.join();
    expect((await mesh.send("x", { key: "k".repeat(257) })).body.code).toBe("BODY_INVALID");
    expect((await mesh.send("x", { key: "" })).body.code).toBe("BODY_INVALID");
  });

  test("keeps the failure of a message that no node fitted: another try needs another key", async () => {
    expect((await mesh.send("early", { key: "e" })).body.code).toBe("NO_NODE_FITS");
    const node = await mesh.join();
    expect((await mesh.send("early", { key: "e" })).body.code).toBe("NO_NODE_FITS");
    const other = mesh.send("early", { key: "e2" });
    node.answer(await node.nextOffer(), "now");
    expect((await other).status).toBe(200);
  });
});
