import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { closeCodes } from "../../../src/protocol/link/v1/frames.ts";
import { toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

describe("a coordinator that stops", () => {
  test("lets answers finish, takes nothing new and says so", async () => {
    const node = await mesh.join();
    const answering = mesh.send("last");
    const streaming = await mesh.stream("last stream");
    const offer = await node.nextOffer("last");
    const streamed = await node.nextOffer("last stream");
    const stopping = mesh.stop();
    expect((await mesh.call("GET", "/readyz")).status).toBe(503);
    const refused = await mesh.send("new");
    expect(refused).toMatchObject({ status: 503, body: { code: "COORDINATOR_STOPPING" } });
    expect(refused.headers.get("retry-after")).toBe("2");
    node.answer(streamed, "the very last words");
    node.answer(offer, "done");
    expect(await answering).toMatchObject({ status: 200, body: { response: "done" } });
    expect(await streaming.text()).toContain("the very last words");
    await stopping;
    expect((await node.closed).code).toBe(closeCodes.goingAway);
    await expect(mesh.call("GET", "/healthz")).rejects.toThrow();
  });

  test("tells those whose answer did not come in time, and keeps their keyed messages for the next", async () => {
    const node = await mesh.join();
    const answering = mesh.send("too slow", { key: "slow" });
    const streaming = await mesh.stream("too slow stream", { key: "stream" });
    const offer = await node.nextOffer("too slow");
    node.started(offer);
    await node.nextOffer("too slow stream");
    await mesh.stop(100);
    expect(await answering).toMatchObject({ status: 503, body: { code: "COORDINATOR_STOPPING" } });
    expect(await streaming.text()).toContain('"code":"COORDINATOR_STOPPING"');
    await mesh.restart();
    const again = mesh.send("too slow", { key: "slow" });
    const returned = await mesh.rejoin(node, { unacknowledged: [toRef(offer)] });
    returned.result(offer, "late but there");
    expect((await again).body).toMatchObject({ message_id: offer.task, response: "late but there" });
  });

  test("is done at once when nothing runs, and stops once", async () => {
    await mesh.join();
    const startedAtMs = performance.now();
    await Promise.all([mesh.stop(), mesh.stop()]);
    expect(performance.now() - startedAtMs).toBeLessThan(1000);
  });
});

test("a second coordinator on the same data is refused, and one on a port that is taken", async () => {
  const { startCoordinator } = await import("../../../src/coordinator/index.ts");
  const { testCoordinatorOptions } = await import("../../support/test-coordinator.ts");
  await expect(startCoordinator(testCoordinatorOptions(mesh.dataDir))).rejects.toMatchObject({
    code: "DATA_DIR_LOCKED",
  });
  await using other = await createTestCoordinator();
  await other.stop(0);
  await expect(other.restart({ port: mesh.port() })).rejects.toMatchObject({ code: "PORT_IN_USE" });
  await other.restart();
  expect((await other.call("GET", "/healthz")).status).toBe(200);
});
