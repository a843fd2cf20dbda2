import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { NodeProcess } from "../support/mesh-process.ts";
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

describe.skipIf(!isOpenclawWanted)("kill -9 around the real OpenClaw", () => {
  let rig: OpenclawRig;
  let claw: GatewayMesh;
  beforeAll(async () => {
    rig = await sharedRig();
    claw = await startGatewayMesh(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => claw?.[Symbol.asyncDispose]());

  const slow = (text: string) => `[[chunks 2 50]][[hold]] ${text}`;
  const whole = (text: string) => `part1 part2 answer to: ${text}`;
  const untilBusy = (text: string) => rig.provider.until(text, (count) => count.inFlight === 1);
  const untilDone = (text: string) => rig.provider.until(text, (count) => count.completed === 1);

  test(
    "of the node agent: the answers come from the runs that it had begun, whether they end before it is back or after",
    async () => {
      const [before, after] = [uniqueText("before"), uniqueText("after")];
      const keys = { [before]: crypto.randomUUID(), [after]: crypto.randomUUID() };
      const send = (text: string) => claw.send({ content: slow(text) }, { key: keys[text] ?? "" });
      const answers = [before, after].map(send);
      await Promise.all([before, after].map(untilBusy));
      await claw.node.kill("SIGKILL");
      rig.provider.release(before);
      await untilDone(before);
      await claw.node.restart();
      rig.provider.release(after);

      for (const [index, text] of [before, after].entries()) {
        const { status, body } = (await answers[index]) ?? {};
        expect({ status, response: body.response }).toEqual({ status: 200, response: whole(text) });
        const task = await claw.findTask(body.message_id);
        expect(task.attempts).toMatchObject([{ attempt: 1, state: "finished" }]);
        expect((await send(text)).body.message_id).toBe(body.message_id);
        expect(rig.provider.count(text)).toMatchObject({ calls: 1, aborted: 0 });
      }
    },
    testTimeoutMs,
  );

  test(
    "of the coordinator: send and a repeated key get the answer of the run that was going on",
    async () => {
      const [before, after] = [uniqueText("before"), uniqueText("after")];
      const command = claw.coordinator.cli(["send", "--node", clawName, "--json", slow(before)]);
      const options = { key: crypto.randomUUID() };
      const cut = await claw.stream({ content: slow(after) }, options);
      await Promise.all([before, after].map(untilBusy));
      await cut.untilText("part1 part2");
      await claw.coordinator.kill("SIGKILL");
      rig.provider.release(before);
      await untilDone(before);
      await claw.coordinator.restart();
      const again = claw.send({ content: slow(after) }, options);
      rig.provider.release(after);

      const sent = await command;
      expect({ exitCode: sent.exitCode, response: sent.json().response }).toEqual({
        exitCode: 0,
        response: whole(before),
      });
      expect(await again).toMatchObject({
        status: 200,
        body: { message_id: cut.messageId, response: whole(after), attempts: 1 },
      });
      for (const text of [before, after]) {
        expect(rig.provider.count(text)).toMatchObject({ calls: 1, aborted: 0 });
      }
    },
    testTimeoutMs,
  );

  test(
    "of the gateway: its senders get what it recovers or are told that nobody knows, and nothing runs a third time",
    async () => {
      const [waiting, talking, hasty] = [uniqueText("waiting"), uniqueText("talking"), uniqueText("hasty")];
      const brief = await joinBriefly();
      const streamed = await claw.stream({ content: slow(waiting), timeout_s: 120 });
      const session = ["--session", uniqueText("conversation"), "--timeout", "120s"];
      const command = claw.coordinator.cli(
        ["send", "--node", clawName, "--json", ...session, slow(talking)],
        {
          timeoutMs: restartLimitMs,
        },
      );
      await Promise.all([waiting, talking].map(untilBusy));
      const givenUp = claw.send({ content: slow(hasty) }, { node: brief.name });
      await Promise.all([untilBusy(hasty), streamed.untilText("part1 part2")]);

      await rig.gateway.kill("SIGKILL");
      for (const text of [waiting, talking, hasty]) rig.provider.release(text);
      await refusesWhileAway();
      const { status, body } = await givenUp;
      expect({ status, code: body.code }).toEqual({ status: 502, code: "OUTCOME_UNKNOWN" });
      expect(body.response).toBeUndefined();
      await rig.gateway.start();

      const recovered = (text: string) => `part1 part2 recovered answer to: ${text}`;
      const { event, data } = await streamed.last();
      expect({ event, response: data.response }).toEqual({ event: "result", response: recovered(waiting) });
      expect(recovered(waiting)).toStartWith(streamed.text());
      const sent = await command;
      expect({ exitCode: sent.exitCode, response: sent.json().response }).toEqual({
        exitCode: 0,
        response: recovered(talking),
      });
      // OpenClaw takes up one run after the other; this one comes after them or has been.
      await warmUp(rig.gateway);
      for (const text of [waiting, talking]) {
        expect(rig.provider.count(text)).toMatchObject({ calls: 2, recoveryCalls: 1 });
      }
      expect(rig.provider.count(hasty).calls).toBeLessThanOrEqual(2);
      expect(await claw.findTask(body.details.message_id)).toMatchObject({
        state: "failed",
        failure: { class: "outcome_unknown" },
        response: null,
      });
      await brief.kill("SIGTERM");
    },
    restartLimitMs,
  );

  /** A node whose operator lets no run take longer than a gateway is away. */
  async function joinBriefly(): Promise<NodeProcess> {
    const address = ["--gateway-endpoint", rig.gateway.url, "--gateway-token", rig.gateway.token];
    const runtimeArgs = [...address, "--gateway-timeout", "10s"];
    const node = await claw.mesh.startNode(claw.coordinator, { name: "brief", runtimeArgs });
    await node.program().waitForLine(/Joined .* runtime openclaw \S+ ready/);
    return node;
  }

  /** What a sender and the list of nodes are told before the gateway is back. */
  async function refusesWhileAway(): Promise<void> {
    const text = uniqueText("late");
    const { status, body } = await claw.send({ content: text });
    expect(status).toBe(503);
    expect(["MESSAGE_REFUSED", "NO_NODE_FITS"]).toContain(body.code);
    expect(body.response).toBeUndefined();
    const noticesWithinMs = 15_000;
    const isAway = async () => {
      const node = await claw.describeNode();
      return node.ready === false ? node : null;
    };
    const { status: link, reason } = await until("the node to say so", isAway, noticesWithinMs);
    expect(link).toBe("online");
    expect(reason).toContain(`127.0.0.1:${rig.gateway.port}`);
    expect(rig.provider.count(text).calls).toBe(0);
  }
});
