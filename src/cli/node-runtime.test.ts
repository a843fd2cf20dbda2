import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { type ConfigFlag, loadConfig } from "../config/load-config.ts";
import type { Environment } from "../platform/environment.ts";
import {
  noRuntimeFlags,
  parseRuntimeChoices,
  parseRuntimeCommand,
  type RuntimeFlags,
  toNodeRuntimes,
} from "./node-runtime.ts";

let dir: Awaited<ReturnType<typeof createTempDir>>;
beforeEach(async () => {
  dir = await createTempDir();
  await mkdir(join(dir.path, "home", ".claw-mesh"), { recursive: true });
  await mkdir(join(dir.path, "cwd"));
});
afterEach(() => dir[Symbol.asyncDispose]());

interface Said extends Partial<RuntimeFlags> {
  readonly file?: string;
  /** Default: the one below the home directory. */
  readonly place?: "cwd" | "home/.claw-mesh";
  readonly flags?: readonly ConfigFlag[];
  readonly env?: Environment;
}

async function runtimesOf({ file, place = "home/.claw-mesh", flags = [], env = {}, ...said }: Said) {
  if (file !== undefined) await Bun.write(join(dir.path, place, "claw-mesh.yaml"), file);
  const base = { home: join(dir.path, "home"), cwd: join(dir.path, "cwd") };
  const config = await loadConfig({ flags, env, ...base, configPath: null, systemDir: dir.path });
  const wishes = toNodeRuntimes(config, { ...noRuntimeFlags, ...said }, base);
  return wishes.map((wish) => ("token" in wish ? { ...wish, token: wish.token?.reveal() ?? null } : wish));
}

const endpoint = { path: "node.gateway.endpoint", flag: "--gateway-endpoint", value: "127.0.0.1:1" };
const list = `
node:
  gateway: { endpoint: "127.0.0.1:9" }
  runtimes:
    - { kind: openclaw, slots: 2 }
    - { kind: openai, endpoint: "127.0.0.1:2", token: key, model: small }
    - { kind: echo, slots: 1 }
`;

describe("the runtimes of a node", () => {
  test("are what is found, unless something is said", async () => {
    expect(await runtimesOf({})).toMatchObject([{ kind: "auto", endpoint: null, autoDiscover: true }]);
    const file = "node: { runtime: openai, gateway: { endpoint: '127.0.0.1:3', token: t, model: m } }";
    expect(await runtimesOf({ file })).toMatchObject([
      { kind: "openai", endpoint: "127.0.0.1:3", token: "t", model: "m", slots: null },
    ]);
  });

  test("are those of the list in its order, where there is one; the short form does not count", async () => {
    expect(await runtimesOf({ file: list })).toMatchObject([
      { kind: "openclaw", slots: 2, endpoint: null },
      { kind: "openai", endpoint: "127.0.0.1:2", token: "key", model: "small" },
      { kind: "echo", slots: 1 },
    ]);
  });

  test("are those that were typed, with the settings that the list has for them", async () => {
    expect(await runtimesOf({ file: list, wanted: ["echo", "openai", "zeroclaw"] })).toMatchObject([
      { kind: "echo", slots: 1 },
      { kind: "openai", endpoint: "127.0.0.1:2", token: "key" },
      { kind: "zeroclaw", endpoint: null, approvals: "deny", via: "auto" },
    ]);
  });

  test("have what was typed of the gateway at the first gateway of the list", async () => {
    expect(await runtimesOf({ wanted: ["echo", "openai", "openclaw"], flags: [endpoint] })).toMatchObject([
      { kind: "echo" },
      { kind: "openai", endpoint: "127.0.0.1:1" },
      { kind: "openclaw", endpoint: null },
    ]);
    const env = { CLAW_MESH_NODE_GATEWAY_TOKEN: "from-env", CLAW_MESH_NODE_GATEWAY_MODEL: "big" };
    expect(await runtimesOf({ file: list, flags: [endpoint], env })).toMatchObject([
      { kind: "openclaw", endpoint: "127.0.0.1:1", token: "from-env" },
      { kind: "openai", endpoint: "127.0.0.1:2", token: "key", model: "big" },
      { kind: "echo" },
    ]);
  });

  test("can be named by a variable", async () => {
    expect(await runtimesOf({ env: { CLAW_MESH_NODE_RUNTIMES: "openclaw, echo" } })).toMatchObject([
      { kind: "openclaw", slots: null },
      { kind: "echo", slots: null },
    ]);
  });

  test("have the program that was typed, and its answer to questions", async () => {
    const command = ["openclaw", "acp"];
    expect(await runtimesOf({ wanted: ["openclaw", "acp"], command, approvals: "fail" })).toMatchObject([
      { kind: "openclaw" },
      { kind: "acp", command, approvals: "fail" },
    ]);
    const wanted = ["command"] as const;
    expect(await runtimesOf({ wanted, command })).toMatchObject([
      { kind: "command", command, input: "stdin" },
    ]);
    expect(await runtimesOf({ wanted: ["acp"] })).toMatchObject([{ kind: "acp", command: null }]);
  });

  test("work in a folder as a person writes it", async () => {
    const file = "node: { runtimes: [{ kind: command, command: [cat], cwd: ~/work, env: { A: b } }] }";
    expect(await runtimesOf({ file })).toMatchObject([{ cwd: join(dir.path, "home", "work") }]);
  });

  test("need what a flag is for", async () => {
    for (const said of [
      { wanted: ["openclaw"], command: ["x"] },
      { wanted: ["openai", "echo"], approvals: "allow" },
      { wanted: ["command"] },
    ] as const) {
      await expect(runtimesOf(said)).rejects.toMatchObject({ code: "USAGE" });
    }
  });
});

describe("a file that was only found in the current folder", () => {
  test.each([
    "{ kind: command, command: [sh, -c, evil] }",
    "{ kind: acp, command: [evil] }",
    "{ kind: acp, env: { NODE_OPTIONS: --require=./evil.js } }",
  ])("starts no program: %s", async (entry) => {
    const file = `node:\n  runtimes:\n    - ${entry}\n`;
    await expect(runtimesOf({ file, place: "cwd" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringMatching(/claw-mesh\.yaml:3:5: node\.runtimes: /),
      hint: expect.stringContaining("--config"),
    });
    expect(await runtimesOf({ file, place: "cwd", wanted: ["echo"] })).toMatchObject([{ kind: "echo" }]);
  });
});

describe("runtimes as they are typed", () => {
  const parse = (...words: string[]) => parseRuntimeChoices(words, (word) => `"${word}" is not one of`);

  test("are known kinds, each once, and auto by itself", () => {
    expect(parse("zeroclaw", "acp")).toEqual(["zeroclaw", "acp"]);
    expect(parse("auto")).toEqual(["auto"]);
    for (const words of [["opencalw"], ["echo", "openai", "echo"], ["auto", "echo"]]) {
      expect(() => parse(...words)).toThrow(expect.objectContaining({ code: "USAGE" }));
    }
  });

  test("have a command that ends what it begins", () => {
    expect(parseRuntimeCommand("openclaw acp")).toEqual(["openclaw", "acp"]);
    expect(() => parseRuntimeCommand("openclaw 'acp")).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});
