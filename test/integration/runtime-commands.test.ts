import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type CliBench, createCliBench } from "../support/cli-run.ts";
import { createFakeMachine, type FakeMachine } from "../support/fake-machine.ts";
import { hermesRoutes, productRoutes, serveRoutes } from "../support/local-servers.ts";

let bench: CliBench;
let machine: FakeMachine;
beforeEach(async () => {
  bench = await createCliBench();
  machine = await createFakeMachine(bench.directory);
});
afterEach(() => bench[Symbol.asyncDispose]());

/** The usual ports are those of the real machine: tests look at what they have put there themselves, and at nothing else. */
const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { home, bin: PATH } = machine;
  const own = { HOME: home, PATH, OPENCLAW_GATEWAY_PORT: "1", ZEROCLAW_gateway__port: "1" };
  return await bench.run(["runtime", ...args], { env: { ...own, ...env } });
};

describe("runtime list", () => {
  test("shows what was found, which one a node would use, and what could be installed", async () => {
    await machine.addProgram("gemini", "echo 0.9.1");
    await machine.addFile(".openclaw/openclaw.json", "{ gateway: { auth: { token: 'very-secret' } } }");
    const { exitCode, stdout } = await run(["list"]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^OpenClaw +openclaw +- +stopped +ws:\/\/127\.0\.0\.1:1$/m);
    expect(stdout).toMatch(/^Gemini CLI \(ACP\) +acp +0\.9\.1 +ready /m);
    expect(stdout).toMatch(
      /^OpenClaw: its gateway does not answer.* What to do: claw-mesh runtime install openclaw$/m,
    );
    expect(stdout).toMatch(/^A node here would use Gemini CLI \(ACP\) 0\.9\.1: /m);
    expect(stdout).toMatch(
      /^(claw-mesh runtime install would install ZeroClaw|Neither OpenClaw).*no npm here/m,
    );
    expect(stdout).not.toContain("very-secret");
  });

  test("recommends no installation where a claw is installed", async () => {
    await machine.addProgram("zeroclaw", "echo zeroclaw 0.8.4");
    const { stdout } = await run(["list"]);
    expect(stdout).toMatch(/^ZeroClaw +zeroclaw +0\.8\.4 /m);
    expect(stdout).not.toContain("would install");
    expect(stdout).not.toContain("Neither OpenClaw");
  });

  test("tells all of it as JSON, but no key", async () => {
    await using hermes = serveRoutes(hermesRoutes("very-secret"));
    await machine.addFile(".hermes/config.yaml", "");
    const env = { API_SERVER_PORT: String(hermes.port), API_SERVER_KEY: "very-secret" };
    const { stdout } = await run(["list", "--json"], env);
    const { runtimes, choice, recommendation, machine: facts } = JSON.parse(stdout);
    expect(runtimes[0]).toEqual({
      kind: "openai",
      product: "Hermes Agent",
      version: "0.19.2",
      program: null,
      endpoint: `http://127.0.0.1:${hermes.port}`,
      has_token: true,
      command: null,
      state: "ready",
      problem: null,
      found_by: `configuration ${machine.home}/.hermes/.env`,
    });
    expect(choice.runtime).toEqual({ kind: "openai", product: "Hermes Agent" });
    expect(recommendation.reasons).toContainEqual({ kind: "no_npm" });
    expect(facts).toMatchObject({ platform: process.platform, npm: null, node: null });
    expect(stdout).not.toContain("very-secret");
  });

  test("says when the configuration names the runtime", async () => {
    await machine.addFile("mesh.yaml", "node:\n  runtime: echo\n");
    const { stdout } = await run(["list", "--config", `${machine.home}/mesh.yaml`]);
    expect(stdout).toContain("The configuration names the runtimes of a node here: echo.");
    expect(stdout).not.toContain("A node here would use");
  });
});

describe("runtime probe", () => {
  test("asks a server by its name or address, as a node would", async () => {
    await using ollama = serveRoutes(productRoutes.ollama);
    const env = { OLLAMA_HOST: `127.0.0.1:${ollama.port}` };
    const byName = await run(["probe", "ollama", "--json"], env);
    expect(byName.exitCode).toBe(0);
    expect(JSON.parse(byName.stdout)).toMatchObject({
      found: true,
      ready: true,
      name: "Ollama",
      kind: "openai",
      version: "0.12.3",
      location: `http://127.0.0.1:${ollama.port}`,
    });
    const byAddress = await run(["probe", `127.0.0.1:${ollama.port}`]);
    expect(byAddress).toMatchObject({
      exitCode: 0,
      stdout: `openai at http://127.0.0.1:${ollama.port} takes messages.\n`,
    });
  });

  test("ends with 1 where something is not ready, with what to do", async () => {
    await machine.addFile(".openclaw/openclaw.json", "{}");
    await machine.addProgram("openclaw", "echo 2026.9.6");
    await machine.addProgram("claude", "exit 1");
    const stopped = await run(["probe", "openclaw"]);
    expect(stopped.exitCode).toBe(1);
    expect(stopped.stdout).toContain("does not answer at ws://127.0.0.1:1");
    expect(stopped.stdout).toContain("What to do: claw-mesh runtime start openclaw");
    const bridgeless = await run(["probe", "claude", "--json"]);
    expect(bridgeless.exitCode).toBe(1);
    expect(JSON.parse(bridgeless.stdout)).toMatchObject({
      found: true,
      ready: false,
      remedy: "npm install -g @agentclientprotocol/claude-agent-acp",
    });
    await using locked = serveRoutes(hermesRoutes("key"));
    await machine.addFile(".hermes/config.yaml", "");
    const refused = await run(["probe", "hermes", "--json"], { API_SERVER_PORT: String(locked.port) });
    expect(refused.exitCode).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ name: "Hermes Agent", ready: false });
  });

  test("ends with 5 where there is nothing", async () => {
    expect((await run(["probe", "zeroclaw"])).exitCode).toBe(5);
    expect((await run(["probe", "no-such-thing"])).stdout).toContain('Nothing called "no-such-thing"');
    const silent = await run(["probe", "127.0.0.1:1", "--json"]);
    expect(silent.exitCode).toBe(5);
    expect(JSON.parse(silent.stdout)).toMatchObject({
      found: false,
      reason: "Nothing answers at http://127.0.0.1:1.",
    });
    const page = serveRoutes({}, () => new Response("<html></html>"));
    expect((await run(["probe", `127.0.0.1:${page.port}`])).exitCode).toBe(5);
    await page[Symbol.asyncDispose]();
    expect((await run(["probe", "http://user:pw@127.0.0.1:1"])).exitCode).toBe(2);
  });
});
