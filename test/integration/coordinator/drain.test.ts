import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemIds } from "../../../src/platform/ids.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const patch = (node: FakeNode, body: object) => mesh.call("PATCH", `/api/v1/nodes/${node.nodeId}`, { body });

async function schedulingOf({ nodeId }: FakeNode): Promise<string> {
  return (await mesh.call("GET", `/api/v1/nodes/${nodeId}`)).body.scheduling;
}

const ordersTo = (node: FakeNode) =>
  node.frames.filter(({ type }) => type === "drain" || type === "undrain").map(({ type }) => type);

/** A frame that comes after whatever the welcome brought with it. */
async function untilQuiet(node: FakeNode): Promise<void> {
  const answering = mesh.send("anything", { to: node.name });
  const offer = await node.nextOffer("anything");
  node.answer(offer, "ok");
  await answering;
}

describe("a drain", () => {
  test("has ten minutes, or what the operator gives; another one replaces it", async () => {
    const node = await mesh.join();
    await patch(node, { scheduling: "draining" });
    expect((await node.next("drain")).deadline_ms).toBeWithin(599_000, 600_001);
    await patch(node, { scheduling: "draining", deadline_s: 1.5 });
    expect((await node.next("drain")).deadline_ms).toBeWithin(1_000, 1_501);
  });

  test("is not repeated for a change of something else", async () => {
    const node = await mesh.join();
    await patch(node, { scheduling: "draining" });
    await patch(node, { weight: 2 });
    await patch(node, { scheduling: "active" });
    await node.next("undrain");
    expect(ordersTo(node)).toEqual(["drain", "undrain"]);
  });

  test("that was ordered while the node was away is told when it is back, with the time that is left", async () => {
    const node = await mesh.join();
    await node.close();
    await patch(node, { scheduling: "draining", deadline_s: 30 });
    const again = await mesh.rejoin(node);
    expect((await again.next("drain")).deadline_ms).toBeWithin(20_000, 30_001);
    expect(await schedulingOf(again)).toBe("draining");
  });

  test("ends with the agent process that it was meant for", async () => {
    const node = await mesh.join();
    await patch(node, { scheduling: "draining" });
    await node.close();
    const again = await mesh.rejoin(node, { instance: systemIds.instance() });
    expect(await schedulingOf(again)).toBe("active");
    await untilQuiet(again);
    expect(ordersTo(again)).toEqual([]);
  });

  test("is known from the node after a restart of the coordinator, and keeps the deadline that the node has", async () => {
    const node = await mesh.join();
    await patch(node, { scheduling: "draining" });
    await mesh.restart();
    const again = await mesh.rejoin(node, { draining: true });
    expect(await schedulingOf(again)).toBe("draining");
    await patch(again, { scheduling: "active" });
    await again.next("undrain");
    expect(ordersTo(again)).toEqual(["undrain"]);
  });

  test("that was taken back while the node was away is taken back when it is there again", async () => {
    const node = await mesh.join();
    await patch(node, { scheduling: "draining" });
    await node.close();
    await patch(node, { scheduling: "active" });
    const again = await mesh.rejoin(node, { draining: true });
    await again.next("undrain");
    expect(await schedulingOf(again)).toBe("active");
  });
});
