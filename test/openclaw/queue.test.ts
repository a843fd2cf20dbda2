import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { HttpAnswer, NodeProcess } from "../support/mesh-process.ts";
import { clawName, type GatewayMesh, startGatewayMesh } from "../support/openclaw/gateway-mesh.ts";
import { uniqueText } from "../support/openclaw/observed-run.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
  warmUp,
} from "../support/openclaw/shared-gateway.ts";
import { until } from "../support/until.ts";

const testTimeoutMs = 60_000;
/** A killed gateway is ready again after 10 s, on a busy machine after 30 s, and recovers one run after another. */
const restartLimitMs = 150_000;

describe.skipIf(!isOpenclawWanted)("queued tasks and kill -9 around the real OpenClaw", () => {
  let rig: OpenclawRig;
  let claw: GatewayMesh;
  beforeAll(async () => {
    rig = await sharedRig();
    claw = await startGatewayMesh(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => claw?.[Symbol.asyncDispose]());

  const slow = (text: string) => `[[chunks 2 50]][[hold]] ${text}`;
  const whole = (text: string) => `part1 part2 answer to: ${text}`;
  const recovered = (text: string) => `part1 part2 recovered answer to: ${text}`;
  const untilBusy = (text: string) => rig.provider.until(text, (count) => count.inFlight === 1);

  function add(text: string, parts: object = {}, key: string = crypto.randomUUID()): Promise<HttpAnswer> {
    const body = { content: slow(text), target: clawName, ...parts };
    return claw.coordinator.call("POST", "/api/v1/tasks", body, { headers: { "idempotency-key": key } });
  }

  async function untilEnded(id: string, timeoutMs = 30_000): Promise<HttpAnswer["body"]> {
    const ended = async () => {
      const task = await claw.findTask(id);
      return task.ended_at === null ? null : task;
    };
    return until(`the end of ${id}`, ended, timeoutMs);
  }

  /** One that is in the middle of its run in the gateway. */
  async function addRunning(parts: object = {}) {
    const text = uniqueText("queued");
    const key = crypto.randomUUID();
    const { status, body } = await add(text, parts, key);
    expect(status).toBe(202);
    await untilBusy(text);
    return { text, key, id: String(body.id) };
  }

  type Running = Awaited<ReturnType<typeof addRunning>>;

  /** By its id and by its key the task is the same, with one attempt and one call of the model. */
  async function expectAnsweredOnce({ text, key, id }: Running): Promise<void> {
    expect(await untilEnded(id)).toMatchObject({
      state: "succeeded",
      response: whole(text),
      attempts: [{ attempt: 1, state: "finished" }],
    });
    const again = await add(text, {}, key);
    expect(again).toMatchObject({ status: 202, body: { id, state: "succeeded", response: whole(text) } });
    expect(rig.provider.count(text)).toMatchObject({ calls: 1, aborted: 0 });
  }

  test(
    "of the node agent: it finds the run again, whether that ends before it is back or after",
    async () => {
      const [before, after] = [await addRunning(), await addRunning()];
      await claw.node.kill("SIGKILL");
      rig.provider.release(before.text);
      await claw.node.restart();
      rig.provider.release(after.text);
      await expectAnsweredOnce(before);
      await expectAnsweredOnce(after);
    },
    testTimeoutMs,
  );

  test(
    "of the coordinator: the run goes on without it, and what waited starts after its restart",
    async () => {
      const [before, after] = [await addRunning(), await addRunning()];
      const later = uniqueText("later");
      const notBefore = new Date(Date.now() + 2_000).toISOString();
      const { body: waiting } = await add(later, { not_before: notBefore });
      await claw.coordinator.kill("SIGKILL");
      rig.provider.release(before.text);
      await rig.provider.until(before.text, (count) => count.completed === 1);
      await claw.coordinator.restart();
      rig.provider.release(after.text);
      rig.provider.release(later);
      await expectAnsweredOnce(before);
      await expectAnsweredOnce(after);
      expect(await untilEnded(waiting.id)).toMatchObject({ state: "succeeded", response: whole(later) });
      expect(rig.provider.count(later).calls).toBe(1);
    },
    testTimeoutMs,
  );

  test(
    "of the gateway: what may have had effects is adopted, what has none moves and is fenced, and nothing runs a third time",
    async () => {
      await claw.coordinator.call("PATCH", `/api/v1/nodes/${clawName}`, { add_tags: ["pair"] });
      const unsafe = await addRunning({ timeout_s: 120 });
      const moving = await addRunning({ target: undefined, requires: { tags: ["pair"] }, effects: "safe" });
      const spare = await joinSpare();

      await rig.gateway.kill("SIGKILL");
      for (const { text } of [unsafe, moving]) rig.provider.release(text);
      expect(await untilEnded(moving.id)).toMatchObject({
        state: "succeeded",
        node_name: spare.name,
        attempts: [
          { node_name: clawName, state: "lost" },
          { node_name: spare.name, state: "finished" },
        ],
      });
      expect((await claw.findTask(unsafe.id)).state).toBe("running");
      await rig.gateway.start();

      expect(await untilEnded(unsafe.id, 120_000)).toMatchObject({
        state: "succeeded",
        response: recovered(unsafe.text),
        attempts: [{ attempt: 1, state: "finished" }],
      });
      // OpenClaw takes up one run after the other; this one comes after them or has been.
      await warmUp(rig.gateway);
      expect(rig.provider.count(unsafe.text)).toMatchObject({ calls: 2, recoveryCalls: 1 });
      expect(rig.provider.count(moving.text)).toMatchObject({ calls: 1, recoveryCalls: 0 });
      await spare.kill("SIGTERM");
    },
    restartLimitMs,
  );

  /** A node that could do the same work, without a gateway. */
  function joinSpare(): Promise<NodeProcess> {
    return claw.mesh.startNode(claw.coordinator, { name: "spare", tags: ["pair"] });
  }
});
