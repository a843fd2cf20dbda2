import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { MeshError } from "../../src/protocol/errors.ts";
import { Secret } from "../../src/protocol/secret.ts";
import {
  type GatewayProgram,
  planSetup,
  readGatewayState,
  readLogTail,
  setUpRuntime,
  stopGateway,
  superviseUntilReady,
} from "../../src/provision/index.ts";
import type { InstalledProgram } from "../../src/provision/installed-program.ts";
import { findFreePort } from "../support/free-port.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { nodeBinDirectory, openclawEntry } from "../support/openclaw/install.ts";
import { isOpenclawWanted, rigTimeoutMs } from "../support/openclaw/shared-gateway.ts";
import { createTempDir, type TempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

const root = join(import.meta.dir, "..", "..");
const providerKey = "a-key-of-the-provider-0123456789";
/** How a configuration names one. */
const variable = (name: string) => `\${${name}}`;
const cliTimeoutMs = 60_000;

describe.skipIf(!isOpenclawWanted)("OpenClaw is set up", () => {
  let home: TempDir;
  let provider: FakeProvider;
  beforeAll(async () => {
    home = await createTempDir();
    provider = startFakeProvider();
  });
  afterAll(async () => {
    await provider?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  const program: InstalledProgram = {
    kind: "openclaw",
    version: null,
    command: [join(nodeBinDirectory(root), "node"), openclawEntry(root)],
    env: {},
  };
  const settings = () => ({
    provider: "custom" as const,
    key: new Secret(providerKey),
    baseUrl: provider.baseUrl,
    model: "fake-1",
  });
  /** A user with a home of its own, who has not set anything up. */
  const createUser = async (name: string) => {
    const folder = join(home.path, name);
    await mkdir(join(folder, ".openclaw"), { recursive: true, mode: 0o700 });
    const env = {
      PATH: `${nodeBinDirectory(root)}:/usr/bin:/bin`,
      HOME: folder,
      TMPDIR: folder,
      LANG: "C.UTF-8",
      OPENCLAW_DISABLE_BONJOUR: "1",
      OPENCLAW_SKIP_CHANNELS: "1",
      OPENCLAW_EXEC_SHELL_SNAPSHOT: "0",
    };
    const dataDir = join(folder, ".claw-mesh");
    const deps = { env, home: folder, dataDir, clock: systemClock, fetch: createFetch({ env }) };
    const configPath = join(folder, ".openclaw", "openclaw.json");
    return { folder, deps, configPath, envPath: join(folder, ".openclaw", ".env") };
  };

  test(
    "in an existing configuration only what is missing is filled in, and the file as it was is kept",
    async () => {
      const { deps, configPath, folder, envPath } = await createUser("existing");
      const before = `// my own words
{
  gateway: { port: ${await findFreePort()}, auth: { token: "\${MY_TOKEN}" } },
  tools: { profile: "coding" },
}
`;
      await writeFile(configPath, before);
      await writeFile(envPath, "MY_TOKEN=my-own-token-0123456789\n", { mode: 0o600 });
      const plan = await planSetup("openclaw", settings(), deps);
      expect(plan.map((step) => step.do === "write_config" && step.path)).toEqual([envPath, configPath]);
      const gateway = await setUpRuntime(program, settings(), deps);
      expect(gateway.token?.reveal()).toBe("my-own-token-0123456789");
      const config = JSON.parse(await readFile(configPath, "utf8"));
      expect(config).toMatchObject({
        gateway: { mode: "local", bind: "loopback", auth: { token: variable("MY_TOKEN") } },
        tools: { profile: "coding" },
        agents: { defaults: { model: { primary: "mesh/fake-1" } } },
        models: { providers: { mesh: { apiKey: variable("MESH_PROVIDER_API_KEY") } } },
      });
      const files = await readdir(join(folder, ".openclaw"));
      const backup = files.find((file) => /^openclaw\.json\.claw-mesh-\d{8}T\d{6}Z\.bak$/.test(file));
      expect(await readFile(join(folder, ".openclaw", backup ?? ""), "utf8")).toBe(before);
      expect(await readFile(envPath, "utf8")).toBe(
        `MY_TOKEN=my-own-token-0123456789\nMESH_PROVIDER_API_KEY=${providerKey}\n`,
      );
      // Once it is all there, nothing is touched any more.
      const whole = await readFile(configPath, "utf8");
      expect(await planSetup("openclaw", settings(), deps)).toEqual([]);
      await setUpRuntime(program, { ...settings(), model: "another" }, deps);
      expect(await readFile(configPath, "utf8")).toBe(whole);
    },
    cliTimeoutMs,
  );

  test(
    "a configuration that OpenClaw refuses is told with its file, its fault and what to do",
    async () => {
      const { deps, configPath } = await createUser("broken");
      const refusal = async (text: string) => {
        await writeFile(configPath, text);
        const error = await setUpRuntime(program, settings(), deps).catch((error: unknown) => error);
        if (!(error instanceof MeshError)) throw error;
        expect(await readFile(configPath, "utf8")).toBe(text);
        return error;
      };
      const broken = await refusal("{ gateway: { mode: ");
      expect(broken).toMatchObject({ code: "RUNTIME_START_FAILED" });
      expect(broken.message).toContain(
        `OpenClaw refuses its configuration ${configPath}: <root>: JSON5 parse failed`,
      );
      expect(broken.hint).toContain("openclaw doctor --fix");
      expect(broken.message).not.toContain("\n");
      const unknown = await refusal('{ gateway: { mode: "local", nonsense: 3 } }');
      expect(unknown.message).toContain('gateway: Unrecognized key: "nonsense"');
    },
    cliTimeoutMs,
  );

  describe("in an empty home", () => {
    let gateway: GatewayProgram;
    let user: Awaited<ReturnType<typeof createUser>>;
    let supervised: Awaited<ReturnType<typeof superviseUntilReady>> | null = null;
    afterEach(async () => {
      await supervised?.stop();
      await stopGateway("openclaw", { ...user.deps, stopLimitMs: 1_000 });
    });

    /** Command lines of all processes of this machine, while the test runs. */
    const watchCommandLines = () => {
      const seen = new Set<string>();
      const timer = setInterval(() => {
        const { stdout } = Bun.spawnSync(["ps", "-A", "-ww", "-o", "args="]);
        for (const line of stdout.toString().split("\n")) seen.add(line);
      }, 250);
      return {
        seen,
        end: () => clearInterval(timer),
      };
    };

    test(
      "its gateway is started, comes back after kill -9, and ends; nobody sees a key on the way",
      async () => {
        user = await createUser("empty");
        const { deps, configPath, envPath } = user;
        const commands = watchCommandLines();
        const port = await findFreePort();
        const env = { ...deps.env, OPENCLAW_GATEWAY_PORT: String(port) };
        gateway = await setUpRuntime(program, settings(), { ...deps, env });
        const token = gateway.token?.reveal() ?? "";
        expect(token).toMatch(/^[0-9a-f]{64}$/);
        expect(gateway.endpoint).toBe(`ws://127.0.0.1:${port}`);
        for (const path of [configPath, envPath]) expect((await stat(path)).mode & 0o777).toBe(0o600);
        expect(await readFile(configPath, "utf8")).not.toContain(providerKey);

        const parts = { random: systemRandom, log: silentLog, signal: new AbortController().signal };
        const lookEveryMs = 250;
        supervised = await superviseUntilReady(gateway, { ...deps, ...parts, env, lookEveryMs });
        expect(supervised.state()).toMatchObject({ state: "running", restarts: 0 });
        const { pid, logFile } = await readGatewayState("openclaw", deps);
        process.kill(pid ?? 0, "SIGKILL");
        const isBack = async () => {
          const { state, restarts } = supervised?.state() ?? {};
          return state === "running" && restarts === 1 && (await gateway.isReady());
        };
        await until("the gateway that was killed", isBack, 60_000);

        await supervised.stop();
        commands.end();
        expect(await gateway.isAlive()).toBe(false);
        expect((await readGatewayState("openclaw", deps)).isRunning).toBe(false);

        const log = (await readLogTail(logFile, 10_000)).join("\n");
        expect(log).toContain("[gateway] ready");
        const lines = [...commands.seen];
        expect(lines.some((line) => line.includes("openclaw.mjs"))).toBe(true);
        for (const secret of [providerKey, token]) {
          expect(lines.filter((line) => line.includes(secret))).toEqual([]);
          expect(await readFile(logFile, "utf8")).not.toContain(secret);
        }
      },
      rigTimeoutMs,
    );
  });
});
