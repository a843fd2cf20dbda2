/** What the agent does with gateways that are kept alive for it: tells their state, and ends them last. */
import { afterEach, expect, test } from "bun:test";
import { startNodeAgent } from "../../src/node/index.ts";
import { silentLog } from "../../src/platform/log.ts";
import type { Supervision } from "../../src/protocol/node.ts";
import { Secret } from "../../src/protocol/secret.ts";
import type { SupervisedGateway } from "../../src/provision/supervised-gateway.ts";
import { startClassicCoordinator } from "../support/classic-coordinator.ts";
import { startLinkCoordinator } from "../support/link-coordinator.ts";
import { createScriptedRuntime } from "../support/scripted-runtime.ts";
import { makeDataDir, startTestAgent } from "../support/test-agent.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** One whose state the test sets. */
function createGateway(onStop: () => void) {
  let state: Supervision = { state: "running", restarts: 0, detail: null, next_start_at: null };
  const listeners = new Set<() => void>();
  const gateway: SupervisedGateway = {
    kind: "openclaw",
    state: () => state,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: async () => onStop(),
  };
  const set = (parts: Partial<Supervision>) => {
    state = { ...state, ...parts };
    for (const listener of [...listeners]) listener();
  };
  return { gateway, set };
}

test("a change of a gateway is told at once, and it is ended when the last run is over", async () => {
  const coordinator = startLinkCoordinator();
  const dataDir = await makeDataDir();
  opened.push(coordinator.stop, dataDir.stop);
  const events: string[] = [];
  const runtime = createScriptedRuntime({ kind: "openclaw" });
  const { gateway, set } = createGateway(() => events.push("gateway ended"));
  const agent = await startTestAgent({
    coordinatorUrl: coordinator.url,
    dataDir: dataDir.path,
    runtimes: [runtime, createScriptedRuntime({ kind: "zeroclaw" })],
    supervised: [gateway],
    stopLimitMs: 10_000,
  });
  expect(agent.selfTest.runtimes.map(({ supervision }) => supervision?.state)).toEqual([
    "running",
    undefined,
  ]);
  set({ state: "backing_off", restarts: 1, detail: "it ended with exit code 1" });
  const told = await coordinator.find("status", ({ runtimes }) => runtimes[0]?.supervision?.restarts === 1);
  expect(told.runtimes[0]?.supervision).toMatchObject({ state: "backing_off" });

  const ref = coordinator.offer("work");
  const run = await runtime.nextRun();
  const stopping = agent.stop();
  await coordinator.find("status", () => true);
  expect(events).toEqual([]);
  events.push("run ended");
  run.succeed("done");
  await coordinator.find("result");
  coordinator.send({ type: "ack", ...ref });
  await stopping;
  expect(events).toEqual(["run ended", "gateway ended"]);
});

function start(coordinatorUrl: string, gateway: SupervisedGateway, token: Secret | null, dataDir: string) {
  return startNodeAgent({
    coordinatorUrl,
    token,
    invite: null,
    name: "claw",
    tags: [],
    slots: null,
    dataDir,
    runtimes: [{ kind: "echo", slots: null }],
    supervised: [gateway],
    maxRunMs: null,
    version: "test",
    log: silentLog,
    env: {},
    direct: { isWanted: false, listen: "127.0.0.1:0", endpoint: null },
  });
}

test("gateways are ended when the node cannot join", async () => {
  const events: string[] = [];
  const dataDir = await makeDataDir();
  const coordinator = startLinkCoordinator();
  opened.push(dataDir.stop, coordinator.stop);
  const { gateway } = createGateway(() => events.push("gateway ended"));
  const starting = start(coordinator.url, gateway, null, dataDir.path);
  await expect(starting).rejects.toMatchObject({ code: "TOKEN_MISSING" });
  expect(events).toEqual(["gateway ended"]);
});

test("gateways go on where a classic coordinator turns the link down, and are ended with the node", async () => {
  const events: string[] = [];
  const dataDir = await makeDataDir();
  const coordinator = startClassicCoordinator();
  opened.push(dataDir.stop, () => coordinator[Symbol.asyncDispose]());
  const { gateway } = createGateway(() => events.push("gateway ended"));
  const agent = await start(coordinator.url, gateway, new Secret(coordinator.token), dataDir.path);
  expect(events).toEqual([]);
  await agent.stop();
  expect(events).toEqual(["gateway ended"]);
});
