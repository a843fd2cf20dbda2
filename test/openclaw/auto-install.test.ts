/**
 * The real OpenClaw from npm into an empty home, with a Node.js of its own, set up with a provider on loopback, started, and asked
 * through the mesh. npm's cache is used as it is.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { openclawPin } from "../../src/provision/install/pins.ts";
import { findFreePort } from "../support/free-port.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { uniqueText } from "../support/openclaw/observed-run.ts";
import { isOpenclawWanted } from "../support/openclaw/shared-gateway.ts";
import type { Program } from "../support/program.ts";

/** A cold cache takes a minute, a gateway on a busy machine another. */
const installTimeoutMs = 240_000;
const startTimeoutMs = 120_000;

describe.skipIf(!isOpenclawWanted)("join --auto-install with npm", () => {
  let mesh: TestMesh;
  let coordinator: CoordinatorProcess;
  let provider: FakeProvider;
  let machine: Machine;
  beforeAll(async () => {
    mesh = await createTestMesh();
    coordinator = await mesh.startCoordinator();
    provider = startFakeProvider();
    machine = await createMachineWithNpm(mesh);
  });
  afterAll(async () => {
    await machine?.cli(["runtime", "stop", "openclaw"], { timeoutMs: 60_000 });
    await provider?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
    // Its gateway ends, and the 40,000 files of its home go.
  }, 60_000);

  const join_ = (...more: readonly string[]): readonly string[] => [
    ...["join", coordinator.url, "--token", coordinator.token, "--name", "fresh", "--auto-install"],
    ...["--api-provider", "custom", "--api-base", provider.baseUrl, "--api-model", "fake-1", ...more],
  ];
  const answers = async (node: Program) => {
    const text = uniqueText("from an empty home");
    const args = ["send", "--node", "fresh", "--json", text];
    const sent = await coordinator.cli(args, { timeoutMs: 60_000 });
    expect(JSON.parse(sent.stdout)).toMatchObject({ node_name: "fresh", response: `answer to: ${text}` });
    expect(await node.stop("SIGTERM")).toEqual({ code: 0, signal: null });
  };

  test(
    "says in a dry run what it then does: a Node.js of its own, OpenClaw, its configuration, its gateway",
    async () => {
      const { stdout } = await machine.cli(join_("--dry-run", "--json"));
      const [plan] = JSON.parse(stdout).plans;
      expect(plan).toMatchObject({ will: "install", runtime: "openclaw", version: openclawPin.version });
      expect(plan.reasons).toContainEqual(
        expect.objectContaining({ kind: "node_too_old", version: "20.0.0" }),
      );
      expect(plan.steps.map((step: { do: string; installs?: string }) => step.installs ?? step.do)).toEqual([
        ...["fetch", "node"],
        ...["fetch", "openclaw"],
        "write_config",
        "start",
        "wait_ready",
      ]);
    },
    startTimeoutMs,
  );

  test(
    "ends in an answer through the mesh",
    async () => {
      const node = machine.start(join_());
      await node.waitForLine(
        /^OpenClaw \S+ is installed, because .*; it takes messages at /,
        installTimeoutMs,
      );
      await node.waitForLine(/^Joined .* runtime openclaw \S+ ready/, 30_000);
      await answers(node);
      const prefix = join(machine.home, "npm");
      const packageFile = join(prefix, "lib", "node_modules", "openclaw", "package.json");
      expect(await Bun.file(packageFile).json()).toMatchObject({ version: openclawPin.version });
      const runtimes = join(machine.home, ".claw-mesh", "runtimes");
      expect(await Bun.file(join(runtimes, "openclaw", "install.json")).json()).toMatchObject({
        version: openclawPin.version,
        checksum: openclawPin.integrity,
      });
      expect((await stat(join(machine.home, ".openclaw", "openclaw.json"))).mode & 0o077).toBe(0);
    },
    installTimeoutMs + 60_000,
  );

  test(
    "takes what is there the next time",
    async () => {
      const second = machine.start(join_());
      await second.waitForLine(/^Using OpenClaw \S+ at \S+: nothing was installed\./, startTimeoutMs);
      await second.waitForLine(/^Joined .* runtime openclaw \S+ ready/, 30_000);
      await answers(second);
    },
    startTimeoutMs + 60_000,
  );
});

/** An empty home with the npm of this machine, whose Node.js says that it is too old for OpenClaw. */
async function createMachineWithNpm(mesh: TestMesh): Promise<Machine> {
  const npm = Bun.which("npm");
  const node = Bun.which("node");
  if (npm === null || node === null) throw new Error("npm was not found on PATH");
  const machine = await mesh.createMachine("with-npm");
  const bin = join(machine.home, "old-node");
  await mkdir(bin);
  const script = `#!/bin/sh\n[ "$*" = --version ] && echo v20.0.0 && exit 0\nexec '${node}' "$@"\n`;
  await writeFile(join(bin, "node"), script);
  await chmod(join(bin, "node"), 0o755);
  const env = {
    ...ownNpmSettings(),
    HOME: machine.home,
    PATH: `${bin}:${dirname(npm)}:/usr/bin:/bin`,
    npm_config_prefix: join(machine.home, "npm"),
    OPENCLAW_GATEWAY_PORT: String(await findFreePort()),
    OPENCLAW_DISABLE_BONJOUR: "1",
  };
  return {
    ...machine,
    start: (args, options) => machine.start(args, { ...options, env }),
    cli: (args, options) => machine.cli(args, { ...options, env }),
  };
}

/** The way to the registry and the cache, as npm has them for the user who runs the tests. */
function ownNpmSettings(): Readonly<Record<string, string>> {
  const kept: Record<string, string> = { npm_config_cache: join(homedir(), ".npm") };
  for (const [name, value] of Object.entries(process.env)) {
    const isWanted = /^npm_config_|^(?:https?|no|all)_proxy$|^NODE_EXTRA_CA_CERTS$|^SSL_CERT_/i.test(name);
    if (isWanted && value !== undefined) kept[name] = value;
  }
  const userconfig = process.env.npm_config_userconfig ?? join(homedir(), ".npmrc");
  return { ...kept, npm_config_userconfig: userconfig };
}
