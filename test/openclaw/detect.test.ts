import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { chooseDetected, detectRuntimes } from "../../src/provision/index.ts";
import { createFakeMachine, type FakeMachine } from "../support/fake-machine.ts";
import { OPENCLAW_VERSION } from "../support/openclaw/install.ts";
import {
  isOpenclawWanted,
  type OpenclawRig,
  rigTimeoutMs,
  sharedRig,
} from "../support/openclaw/shared-gateway.ts";

describe.skipIf(!isOpenclawWanted)("the real OpenClaw on a machine", () => {
  let rig: OpenclawRig;
  let machine: FakeMachine;
  beforeAll(async () => {
    [rig, machine] = await Promise.all([sharedRig(), createFakeMachine()]);
  }, rigTimeoutMs);
  afterAll(() => machine[Symbol.asyncDispose]());

  const detect = (env: Readonly<Record<string, string>>) => detectRuntimes(machine.deps([], { env }));
  /** A configuration of the machine's own, in the folder that is named. */
  const configure = (folder: string, gateway: object) =>
    machine.addFile(join(folder, "openclaw.json"), JSON.stringify({ gateway }));
  const token = (value: string) => ({ auth: { mode: "token", token: value } });

  test("is ready when it runs, and chosen", async () => {
    const [found] = await detect({ OPENCLAW_CONFIG_PATH: rig.gateway.configPath });
    expect(found).toMatchObject({
      kind: "openclaw",
      product: "OpenClaw",
      version: OPENCLAW_VERSION,
      endpoint: rig.gateway.url,
      state: "ready",
      problem: null,
      foundBy: `configuration ${rig.gateway.configPath}`,
    });
    expect(found?.token?.reveal()).toBe(rig.gateway.token);
    if (found !== undefined) expect(chooseDetected([found], null)).toMatchObject({ because: "only_ready" });
  }, 20_000);

  test("is not ready with a token that is not its own, and says where that came from", async () => {
    await configure("wrong", { port: rig.gateway.port, ...token("not-the-token") });
    const [found] = await detect({ OPENCLAW_STATE_DIR: join(machine.home, "wrong") });
    expect(found).toMatchObject({ state: "not_ready", endpoint: rig.gateway.url });
    expect(found?.problem?.remedy).toContain(join(machine.home, "wrong", "openclaw.json"));
    expect(JSON.stringify(found)).not.toContain("not-the-token");
    expect(JSON.stringify(found?.problem)).toContain("token");
  }, 20_000);

  test("is not ready without a token, and says how to give it one", async () => {
    await configure("none", { port: rig.gateway.port });
    const [found] = await detect({ OPENCLAW_STATE_DIR: join(machine.home, "none") });
    expect(found).toMatchObject({ state: "not_ready", token: null });
    expect(found?.problem?.remedy).toContain("--gateway-token");
  }, 20_000);

  test("is stopped when nothing answers at the port of its configuration", async () => {
    await configure("stopped", { port: 1, ...token("mine") });
    const [found] = await detect({ OPENCLAW_STATE_DIR: join(machine.home, "stopped") });
    expect(found).toMatchObject({ state: "stopped", endpoint: "ws://127.0.0.1:1" });
  }, 20_000);
});
