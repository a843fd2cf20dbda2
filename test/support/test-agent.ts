import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeAgentOptions, NodeAgentStatus } from "../../src/node/agent-options.ts";
import { runNodeAgent } from "../../src/node/node-agent.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Secret } from "../../src/protocol/secret.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";

/** A directory of its own for one test's agents. */
export async function makeDataDir(): Promise<{ readonly path: string; readonly stop: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "claw-mesh-node-"));
  return { path, stop: () => rm(path, { recursive: true, force: true }) };
}

export interface TestAgentOptions extends Partial<NodeAgentOptions> {
  readonly coordinatorUrl: string;
  readonly dataDir: string;
  readonly runtimes: readonly Runtime[];
}

/** Starts the real agent with an injected runtime. */
export function startTestAgent(options: TestAgentOptions) {
  return runNodeAgent({
    token: null,
    invite: new Secret("invite"),
    name: "heron",
    slots: null,
    maxRunMs: null,
    probeCapabilities: () =>
      Promise.resolve({ os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: [] }),
    version: "test",
    fetch: createFetch({ env: {} }),
    proxyUrl: null,
    clock: systemClock,
    random: systemRandom,
    ids: systemIds,
    log: silentLog,
    stopLimitMs: 200,
    ...options,
  });
}

/** Statuses of an agent in order; `until` waits for one of a state. */
export function createStatusRecorder() {
  const statuses: NodeAgentStatus[] = [];
  const waiters = new Set<{ state: string; resolve: (status: NodeAgentStatus) => void }>();
  return {
    statuses,
    onStatus: (status: NodeAgentStatus) => {
      statuses.push(status);
      for (const waiter of waiters) {
        if (waiter.state !== status.state) continue;
        waiters.delete(waiter);
        waiter.resolve(status);
      }
    },
    until: (state: NodeAgentStatus["state"]): Promise<NodeAgentStatus> =>
      new Promise((resolve) => waiters.add({ state, resolve })),
  };
}
