import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type CliBench, createCliBench } from "../../test/support/cli-run.ts";

let bench: CliBench;
beforeAll(async () => {
  bench = await createCliBench();
});
afterAll(() => bench[Symbol.asyncDispose]());

/** A dry run tells whether the provider is known; one that is not dry ends with what is missing, before anything is got. */
const install = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  bench.run(["runtime", "install", "zeroclaw", ...args], {
    env: {
      PATH: "",
      HOME: bench.directory,
      CLAW_MESH_HOME: join(bench.directory, "state"),
      CLAW_MESH_ZEROCLAW_RELEASES: "http://127.0.0.1:1/releases",
      ...env,
    },
  });

const needsProvider = async (args: readonly string[], env?: Readonly<Record<string, string>>) =>
  JSON.parse((await install([...args, "--dry-run", "--json"], env)).stdout).needs_provider;

describe("who computes the answers of a runtime", () => {
  test.each([
    ["flags", ["--api-provider", "anthropic", "--api-key", "k"], {}],
    [
      "an address of this machine, which needs no key",
      ["--api-base", "http://localhost:11434/v1", "--api-model", "m"],
      {},
    ],
    [
      "an address elsewhere, with a key",
      ["--api-base", "https://llm.example/v1", "--api-model", "m", "--api-key", "k"],
      {},
    ],
    ["ANTHROPIC_API_KEY", [], { ANTHROPIC_API_KEY: "k" }],
    ["OPENAI_API_KEY", [], { OPENAI_API_KEY: "k" }],
    ["our own variables", [], { CLAW_MESH_API_PROVIDER: "openai", CLAW_MESH_API_KEY: "k" }],
    ["variables for a server", [], { CLAW_MESH_API_BASE: "http://127.0.0.1:1/v1", CLAW_MESH_API_MODEL: "m" }],
  ])("is known from %s", async (_, args, env) => {
    expect(await needsProvider(args, env)).toBe(false);
  });

  test("is known from a file with the key", async () => {
    await Bun.write(join(bench.directory, "key"), "k\n");
    expect(await needsProvider(["--api-provider", "openai", "--api-key-file", "key"])).toBe(false);
  });

  test.each([
    ["the provider", [], {}, "--api-provider anthropic, openai or custom"],
    ["the provider of a key", [], { CLAW_MESH_API_KEY: "k" }, "CLAW_MESH_API_PROVIDER"],
    [
      "the key",
      ["--api-provider", "openai"],
      {},
      "--api-key-file, or set CLAW_MESH_API_KEY or OPENAI_API_KEY",
    ],
    ["another provider's key", ["--api-provider", "openai"], { ANTHROPIC_API_KEY: "k" }, "OPENAI_API_KEY"],
    [
      "the key of a server elsewhere",
      ["--api-base", "https://llm.example/v1", "--api-model", "m"],
      {},
      "CLAW_MESH_API_KEY",
    ],
    ["the address", ["--api-provider", "custom", "--api-model", "m"], {}, "--api-base"],
    ["the model", ["--api-base", "http://127.0.0.1:1/v1"], {}, "--api-model"],
  ])("is asked for by name when %s is missing", async (_, args, env, hint) => {
    expect(await needsProvider(args, env)).toBe(true);
    const { exitCode, stderr } = await install(args, env);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(hint);
  });

  test.each([
    ["an address that is none", ["--api-base", "llm.example"], {}],
    ["an address with a user", ["--api-base", "http://me:word@llm.example/v1"], {}],
    ["a provider that is none", [], { CLAW_MESH_API_PROVIDER: "acme" }],
    ["a key file that is not there", ["--api-key-file", "nowhere"], {}],
    ["two keys", ["--api-key", "a", "--api-key-file", "b"], {}],
    ["a version that is none", ["--runtime-version", "../.."], {}],
  ])("is refused with exit code 2 for %s", async (_, args, env) => {
    const { exitCode, stderr } = await install([...args, "--dry-run"], env);
    expect(exitCode).toBe(2);
    expect(stderr).toStartWith("Error: ");
  });
});

describe("join", () => {
  const join_ = (...args: readonly string[]) =>
    bench.run(["join", bench.url, ...args], { env: { HOME: bench.directory } });

  test.each([
    ["--dry-run without --auto-install", ["--dry-run"], "for --auto-install"],
    [
      "--auto-install of a runtime that is not installed from here",
      ["--auto-install", "--no-gateway"],
      "openclaw and zeroclaw; echo",
    ],
    [
      "--auto-install of a runtime elsewhere",
      ["--auto-install", "--gateway-endpoint", "10.0.0.1:1"],
      "--gateway-endpoint",
    ],
  ])("refuses %s", async (_, args, text) => {
    const { exitCode, stderr } = await join_(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(text);
  });
});

test("runtime install knows two runtimes", async () => {
  const { exitCode, stderr } = await bench.run(["runtime", "install", "ollama", "--dry-run"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("openclaw and zeroclaw can");
});
