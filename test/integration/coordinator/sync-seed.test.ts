/** A node that takes over what the coordinator's machine offers, and tells of its own skills. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startNodeAgent } from "../../../src/node/index.ts";
import { createLog } from "../../../src/platform/log.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { createTempDir } from "../../support/temp-dir.ts";
import { createTestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function setUp() {
  const [theirs, ours] = [await createTempDir(), await createTempDir()];
  opened.push(theirs, ours);
  await Bun.write(join(theirs.path, ".openclaw/openclaw.json"), "{ ui: { seamColor: '#ff8800' } }");
  await Bun.write(join(theirs.path, ".openclaw/workspace/SOUL.md"), "soul");
  await Bun.write(join(ours.path, ".openclaw/openclaw.json"), "{}");
  await Bun.write(join(ours.path, ".openclaw/workspace/skills/x/SKILL.md"), "---\nname: summarise\n---\n");
  const mesh = await createTestCoordinator({
    seed: { configFile: null, workspaceDir: null, env: { HOME: theirs.path } },
  });
  opened.push(mesh);
  const lines: string[] = [];
  const start = async (syncConfig: "once" | "now" | null, isDirect = false) => {
    const agent = await startNodeAgent({
      coordinatorUrl: `http://127.0.0.1:${mesh.port()}`,
      token: new Secret(mesh.token),
      invite: null,
      name: "heron",
      tags: [],
      slots: null,
      dataDir: join(ours.path, ".claw-mesh"),
      runtimes: [{ kind: "echo", slots: null }],
      maxRunMs: null,
      version: "test",
      log: createLog({ write: (line) => lines.push(line), format: "text", level: "info" }),
      env: { HOME: ours.path, PATH: "/nowhere" },
      syncConfig,
      ...(isDirect ? { direct: { isWanted: true, listen: "127.0.0.1:0", endpoint: null } } : {}),
    });
    opened.push({ [Symbol.asyncDispose]: () => agent.stop() });
    return agent;
  };
  return { mesh, start, lines, soul: join(ours.path, ".openclaw/workspace/SOUL.md") };
}

describe.each([
  ["a link", false],
  ["a direct endpoint", true],
])("a node with %s", (_, isDirect) => {
  test("takes the files over when it is told to, and warns of what it cannot", async () => {
    const { start, soul, lines } = await setUp();
    await start("once", isDirect);
    await until("both seeds are done", async () => /seed of the configuration/.test(lines.join("")));
    expect(readFileSync(soul, "utf8")).toContain("soul");
    // OpenClaw itself, which would check the result, is not on this machine.
    expect(lines.filter((line) => /\bwarn\b/i.test(line) && line.includes("seed"))).toHaveLength(1);
  });
});

test("a node that starts again takes nothing again, unless a person says so", async () => {
  const { start, soul, lines } = await setUp();
  const joinAgain = async (syncConfig: "once" | "now") => {
    lines.length = 0;
    const agent = await start(syncConfig);
    await until("the configuration was looked at", async () =>
      /seed of the configuration/.test(lines.join("")),
    );
    await agent.stop();
  };
  await joinAgain("once");
  await rm(soul);
  await joinAgain("once");
  expect(existsSync(soul)).toBeFalse();
  await joinAgain("now");
  expect(existsSync(soul)).toBeTrue();
});

test("a node asks for nothing unless it is told to", async () => {
  const { start, soul, lines } = await setUp();
  await (await start(null)).stop();
  expect([existsSync(soul), /seed/.test(lines.join(""))]).toEqual([false, false]);
});

test("skills of the node's agent are skills of the mesh", async () => {
  const { mesh, start } = await setUp();
  const { nodeId } = await start(null);
  const { body } = await mesh.call("GET", "/api/v1/skills");
  expect(body.skills).toMatchObject([{ name: "summarise", nodes: [{ id: nodeId, name: "heron" }] }]);
});
