import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { clawName, type GatewayMesh, startGatewayMesh } from "../support/openclaw/gateway-mesh.ts";
import { OPENCLAW_VERSION } from "../support/openclaw/install.ts";
import { uniqueText } from "../support/openclaw/observed-run.ts";
import { openPlainClient } from "../support/openclaw/plain-client.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { until } from "../support/until.ts";

const testTimeoutMs = 60_000;
/** What an earlier file's crash left behind may take one of the gateway's lanes for half a minute. */
const freeLanesWithinMs = 60_000;
/** A node tells its load with every beat. */
const beatMs = 5_000;

describe.skipIf(!isOpenclawWanted)("the real OpenClaw through the mesh", () => {
  let rig: OpenclawRig;
  let claw: GatewayMesh;
  beforeAll(async () => {
    rig = await sharedRig();
    claw = await startGatewayMesh(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => claw?.[Symbol.asyncDispose]());

  /** Sends from the command line to the node of the gateway. */
  const cli = (...args: readonly string[]) => claw.coordinator.cli(["send", "--node", clawName, ...args]);
  const untilBusy = (text: string) =>
    rig.provider.until(text, (count) => count.inFlight === 1, freeLanesWithinMs);

  describe("an answer", () => {
    test(
      "comes back to send, and the model was asked once",
      async () => {
        const text = uniqueText("sent");
        const { exitCode, stdout, stderr } = await claw.coordinator.cli(["send", "--auto", text]);
        expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
        expect(stdout).toMatch(new RegExp(`^Response: answer to: ${text}$`, "m"));
        expect(rig.provider.count(text).calls).toBe(1);
      },
      testTimeoutMs,
    );

    test(
      "is streamed while the model still writes",
      async () => {
        const text = uniqueText("streamed");
        const answer = await claw.stream({ content: `[[chunks 2 50]][[hold]] ${text}` });
        await answer.untilText("part1 part2");
        expect(rig.provider.count(text)).toMatchObject({ inFlight: 1, completed: 0 });
        rig.provider.release(text);
        const { event, data } = await answer.last();
        expect(event).toBe("result");
        expect(data).toMatchObject({
          message_id: answer.messageId,
          node_name: clawName,
          response: `part1 part2 answer to: ${text}`,
          attempts: 1,
        });
        expect(data.response).toStartWith(answer.text());
      },
      testTimeoutMs,
    );

    test(
      "knows its own conversation and no other",
      async () => {
        const [one, two] = [uniqueText("one"), uniqueText("two")];
        await Promise.all([
          cli("--session", one, "the word is heron"),
          cli("--session", two, "the word is otter"),
        ]);
        const recall = async (session: string) =>
          (await cli("--session", session, "--json", "[[recall]] which word?")).json().response;
        expect(await Promise.all([recall(one), recall(two)])).toEqual([
          "earlier: the word is heron",
          "earlier: the word is otter",
        ]);
        expect((await claw.send({ content: "[[recall]] which word?" })).body.response.trim()).toBe(
          "earlier:",
        );
      },
      testTimeoutMs,
    );
  });

  test(
    "eight messages at once run side by side, and the node shows the load of the gateway",
    async () => {
      const idle = await claw.describeNode();
      expect(idle).toMatchObject({ status: "online", ready: true, reason: null, in_flight: 0 });
      expect(idle.slots).toBeGreaterThanOrEqual(8);

      const texts = Array.from({ length: 8 }, (_, index) => uniqueText(`parallel ${index}`));
      const answers = texts.map((text) => claw.send({ content: `[[hold]] ${text}` }));
      try {
        await Promise.all(texts.map(untilBusy));
        const isTold = async () => {
          const node = await claw.describeNode();
          return node.runtimes[0].active === 8 ? node : null;
        };
        const busy = await until("the load in a beat", isTold, 3 * beatMs);
        // The gateway's own work, such as what it recovers after a crash, may stand in the queue.
        const runtime = { kind: "openclaw", version: OPENCLAW_VERSION, ready: true, reason: null, active: 8 };
        expect(busy).toMatchObject({
          in_flight: 8,
          slots: idle.slots,
          status: idle.slots === 8 ? "busy" : "online",
          runtimes: [{ ...runtime, queued: expect.any(Number) }],
        });
      } finally {
        for (const text of texts) rig.provider.release(text);
      }
      const responses = (await Promise.all(answers)).map(({ body }) => body.response);
      expect(responses).toEqual(texts.map((text) => `answer to: ${text}`));
      for (const text of texts) expect(rig.provider.count(text).calls).toBe(1);
    },
    testTimeoutMs + freeLanesWithinMs,
  );

  describe("the model is stopped", () => {
    const untilStopped = (text: string) => rig.provider.until(text, (count) => count.aborted === 1);

    test(
      "by Ctrl-C in send",
      async () => {
        const text = uniqueText("interrupted");
        const args = ["send", "--node", clawName, "--coordinator", claw.coordinator.url];
        const program = claw.coordinator.machine.start([...args, `[[hang]] ${text}`]);
        await untilBusy(text);
        program.kill("SIGINT");
        expect(await untilStopped(text)).toMatchObject({ calls: 1, inFlight: 0 });
        expect(await program.exited).toEqual({ code: 1, signal: null });
        expect(program.stdout()).not.toContain("Response:");
      },
      testTimeoutMs,
    );

    test(
      "by a cancel over the API",
      async () => {
        const text = uniqueText("cancelled");
        const answer = await claw.stream({ content: `[[hang]] ${text}` });
        await untilBusy(text);
        await claw.coordinator.call("POST", `/api/v1/tasks/${answer.messageId}/cancel`);
        expect(await answer.last()).toMatchObject({ event: "error", data: { code: "MESSAGE_CANCELLED" } });
        expect(await untilStopped(text)).toMatchObject({ calls: 1, inFlight: 0 });
        expect(await claw.findTask(answer.messageId)).toMatchObject({ state: "cancelled", failure: null });
      },
      testTimeoutMs,
    );

    test(
      "by a reader that goes away",
      async () => {
        const text = uniqueText("left");
        const controller = new AbortController();
        await claw.stream({ content: `[[hang]] ${text}` }, { signal: controller.signal });
        await untilBusy(text);
        controller.abort();
        expect(await untilStopped(text)).toMatchObject({ calls: 1, inFlight: 0 });
      },
      testTimeoutMs,
    );
  });

  describe("a provider that fails", () => {
    test(
      "with 400 fails the message, with its reason and without an answer",
      async () => {
        const text = uniqueText("refused");
        const { exitCode, stdout, stderr } = await cli("--json", `[[status 400]] ${text}`);
        expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
        const error = JSON.parse(stderr);
        expect(error).toMatchObject({
          code: "RUNTIME_FAILED",
          details: { failure: { class: "runtime_error", kind: "bad_request" } },
        });
        expect(error.error).toContain("LLM request");
        expect(await claw.findTask(error.details.message_id)).toMatchObject({
          state: "failed",
          response: null,
        });
        expect(rig.provider.count(text).calls).toBe(1);
      },
      testTimeoutMs,
    );

    test(
      "with 500 until the time of the message is over ends it, and is asked no more",
      async () => {
        const text = uniqueText("broken");
        const { exitCode, stdout, stderr } = await cli("--json", "--timeout", "4s", `[[status 500]] ${text}`);
        expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
        const { code, details } = JSON.parse(stderr);
        expect(code).toBe("MESSAGE_TIMEOUT");
        const calls = await endOfRun(`${details.message_id}.1`).then(() => rig.provider.count(text).calls);
        expect(calls).toBeWithin(2, 6);
        expect(await claw.findTask(details.message_id)).toMatchObject({ state: "failed", response: null });
      },
      testTimeoutMs,
    );

    test(
      "with 401 says that it is a matter of the key",
      async () => {
        const session = uniqueText("locked out");
        await cli("--session", session, "hello");
        // A provider of its own: OpenClaw takes a refused key out of use for a minute.
        await switchModel(session, "second-spare/fake-1");
        const text = uniqueText("unauthorized");
        const { status, body } = await claw.send({ content: `[[status 401]] ${text}`, session });
        expect({ status, code: body.code }).toEqual({ status: 502, code: "RUNTIME_FAILED" });
        expect(body.details.failure).toMatchObject({ class: "runtime_error", kind: "auth" });
        expect(body.response).toBeUndefined();
        expect(rig.provider.count(text).calls).toBe(1);
      },
      testTimeoutMs,
    );

    /** Resolves when the gateway has done with the run. */
    async function endOfRun(runId: string): Promise<void> {
      using client = await openPlainClient(rig.gateway);
      const { payload } = await client.request("agent.wait", { runId, timeoutMs: 20_000 });
      expect(payload).toMatchObject({ endedAt: expect.any(Number) });
    }

    async function switchModel(session: string, model: string): Promise<void> {
      using client = await openPlainClient(rig.gateway);
      const key = await until("the conversation under its name", async () => {
        const { payload } = await client.request("sessions.list", { search: session });
        return (payload as { sessions: readonly { key: string }[] }).sessions[0]?.key;
      });
      expect(await client.request("sessions.patch", { key, model })).toMatchObject({ ok: true });
    }
  });
});
