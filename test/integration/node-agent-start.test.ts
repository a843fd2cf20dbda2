import { afterEach, expect, test } from "bun:test";
import { startNodeAgent } from "../../src/node/index.ts";
import { chooseRuntime } from "../../src/node/node-runtimes.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { type LogFacts, silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { createAttempt, observeRun } from "../contract/runtime-subject.ts";
import { startLinkCoordinator } from "../support/link-coordinator.ts";
import { startOpenaiServer } from "../support/openai-server.ts";
import { makeDataDir } from "../support/test-agent.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

test("a machine becomes a node with its runtime, capabilities and tags, and says so in the log", async () => {
  const coordinator = startLinkCoordinator();
  const dataDir = await makeDataDir();
  opened.push(coordinator.stop, dataDir.stop);
  const lines: string[] = [];
  const start = () =>
    startNodeAgent({
      coordinatorUrl: coordinator.url,
      token: null,
      invite: new Secret("invite"),
      name: "heron",
      tags: ["lake"],
      slots: null,
      dataDir: dataDir.path,
      runtime: {
        kind: "echo",
        endpoint: null,
        token: null,
        model: null,
        autoDiscover: false,
        timeoutMs: null,
      },
      version: "1.2.3",
      log: { ...silentLog, info: (message: string, _facts?: LogFacts) => lines.push(message) },
      env: { PATH: "/nowhere" },
    });
  const agent = await start();
  expect(agent.selfTest).toMatchObject({
    reached: true,
    authenticated: true,
    slots: 4,
    nodeId: agent.nodeId,
    runtimes: [{ kind: "echo", ready: true }],
  });
  expect(coordinator.hellos[0]).toMatchObject({ software: "1.2.3", name: "heron" });
  expect(coordinator.hellos[0]?.capabilities.tags).toEqual(["lake"]);
  coordinator.offer("hello");
  expect((await coordinator.find("result")).text).toContain("hello");
  await coordinator.stop();
  await agent.stop();
  expect(lines).toEqual([
    `joining mesh at ${coordinator.url} as "heron"`,
    `registered as node ${agent.nodeId}`,
    "stopping",
  ]);

  const again = startLinkCoordinator({
    port: coordinator.port,
    meshId: coordinator.meshId,
    tokens: coordinator.tokens,
  });
  opened.push(again.stop);
  lines.length = 0;
  const second = await start();
  await again.stop();
  await second.stop();
  expect(second.nodeId).toBe(agent.nodeId);
  expect(lines).toEqual([
    `joining mesh at ${coordinator.url} as "heron"`,
    `re-registered as node ${agent.nodeId}`,
    "stopping",
  ]);
});

test("the model of an openai runtime is the one that was chosen", async () => {
  await using server = await startOpenaiServer({ models: ["llama", "qwen"] });
  const runtime = await chooseRuntime(
    { kind: "auto", endpoint: server.url, token: null, model: "qwen", autoDiscover: false },
    { env: {}, clock: systemClock, random: systemRandom, fetch: createFetch({ env: {} }), log: silentLog },
  );
  await observeRun(runtime, createAttempt("hello")).outcome;
  expect(server.requests.map(({ body }) => body.model)).toEqual(["qwen"]);
});
