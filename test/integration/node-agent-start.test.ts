import { afterEach, expect, test } from "bun:test";
import { startNodeAgent } from "../../src/node/index.ts";
import { chooseRuntimes } from "../../src/node/node-runtimes.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { type LogFacts, silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { createRuntimeCredentials } from "../../src/runtimes/runtime-credentials.ts";
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
      runtimes: [{ kind: "echo", slots: null }],
      maxRunMs: null,
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
  const dataDir = await makeDataDir();
  opened.push(dataDir.stop);
  const choice = {
    kind: "auto",
    slots: null,
    endpoint: server.url,
    token: null,
    model: "qwen",
    approvals: "deny",
    autoDiscover: false,
  } as const;
  const {
    runtimes: [runtime],
  } = await chooseRuntimes([choice], {
    env: {},
    clock: systemClock,
    random: systemRandom,
    fetch: createFetch({ env: {} }),
    log: silentLog,
    credentials: createRuntimeCredentials({ dataDir: dataDir.path }),
    dataDir: dataDir.path,
  });
  if (runtime === undefined) throw new Error("no runtime was chosen");
  await observeRun(runtime, createAttempt("hello")).outcome;
  expect(server.requests.map(({ body }) => body.model)).toEqual(["qwen"]);
});

test("a node cannot have one kind of runtime twice", async () => {
  const dataDir = await makeDataDir();
  opened.push(dataDir.stop);
  const echo = { kind: "echo", slots: null } as const;
  const starting = startNodeAgent({
    coordinatorUrl: "http://127.0.0.1:1",
    token: null,
    invite: new Secret("invite"),
    name: "heron",
    tags: [],
    slots: null,
    dataDir: dataDir.path,
    runtimes: [echo, echo],
    maxRunMs: null,
    version: "test",
    log: silentLog,
    env: {},
  });
  await expect(starting).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining("echo") });
});
