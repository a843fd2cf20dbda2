import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type GatewayMesh, startGatewayMesh } from "../support/openclaw/gateway-mesh.ts";
import { uniqueText } from "../support/openclaw/observed-run.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";
import { until } from "../support/until.ts";

const testTimeoutMs = 60_000;

describe.skipIf(!isOpenclawWanted)("a node and its OpenClaw", () => {
  let rig: OpenclawRig;
  let claw: GatewayMesh;
  beforeAll(async () => {
    rig = await sharedRig();
    claw = await startGatewayMesh(rig.gateway);
  }, rigTimeoutMs);
  afterAll(() => claw?.[Symbol.asyncDispose]());

  test(
    "a wrong gateway token shows in the node, and in what its senders are told",
    async () => {
      const wrong = "a-token-that-nobody-gave-out";
      const endpoint = ["--gateway-endpoint", rig.gateway.url, "--gateway-token", wrong];
      const node = await claw.mesh.startNode(claw.coordinator, { name: "locked", runtimeArgs: endpoint });
      await node.program().waitForLine(/Joined .* runtime openclaw not ready: .*refuses the token/);
      expect(await claw.describeNode("locked")).toMatchObject({
        status: "online",
        ready: false,
        reason: expect.stringContaining("refuses the token"),
        runtimes: [{ kind: "openclaw", ready: false }],
      });
      const text = uniqueText("never sent");
      const sent = await claw.coordinator.cli(["send", "--node", "locked", text]);
      expect(sent).toMatchObject({ exitCode: 6, stdout: "" });
      expect(sent.stderr).toContain("refuses the token");
      expect(rig.provider.count(text).calls).toBe(0);
      const said = node.program().stdout() + node.program().stderr() + sent.stderr;
      expect(said).not.toContain(wrong);
      await node.kill("SIGTERM");
    },
    testTimeoutMs,
  );

  describe("the gateway of this machine is found without being named", () => {
    const answers = async (name: string) => {
      const text = uniqueText(`found by ${name}`);
      expect((await claw.send({ content: text }, { node: name })).body).toMatchObject({
        node_name: name,
        response: `answer to: ${text}`,
      });
    };

    test(
      "by join, from the variables of OpenClaw",
      async () => {
        const machine = await claw.mesh.createMachine("with-variables", {
          OPENCLAW_CONFIG_PATH: rig.gateway.configPath,
          OPENCLAW_STATE_DIR: join(rig.gateway.directory, "state"),
        });
        const options = { name: "by-variables", machine, runtimeArgs: [] };
        const node = await claw.mesh.startNode(claw.coordinator, options);
        await node.program().waitForLine(/Joined .* runtime openclaw \S+ ready/);
        await answers("by-variables");
        await node.kill("SIGTERM");
      },
      testTimeoutMs,
    );

    test(
      "by join, from the home of its user",
      async () => {
        const machine = await claw.mesh.createMachine("with-openclaw");
        await copyConfig(machine.home);
        const node = await claw.mesh.startNode(claw.coordinator, {
          name: "by-home",
          machine,
          runtimeArgs: [],
        });
        await node.program().waitForLine(/Joined .* runtime openclaw \S+ ready/);
        await answers("by-home");
        await node.kill("SIGTERM");
      },
      testTimeoutMs,
    );

    test(
      "by up, which then answers on its own",
      async () => {
        const machine = await claw.mesh.createMachine("alone");
        await copyConfig(machine.home);
        const alone = await claw.mesh.startCoordinator({ machine, args: [] });
        const text = uniqueText("alone");
        await until("its own node", async () => {
          const { json } = await alone.cli(["nodes", "--json"]);
          return json()[0]?.ready === true;
        });
        const { exitCode, stdout } = await alone.cli(["send", "--auto", "--json", text]);
        expect(exitCode).toBe(0);
        expect(JSON.parse(stdout).response).toBe(`answer to: ${text}`);
        expect(await alone.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      },
      testTimeoutMs,
    );

    async function copyConfig(home: string): Promise<void> {
      const path = join(home, ".openclaw", "openclaw.json");
      await mkdir(dirname(path), { recursive: true });
      await Bun.write(path, Bun.file(rig.gateway.configPath));
    }
  });
});
