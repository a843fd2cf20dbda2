import type { RunningNodeAgent } from "../../src/node/agent-options.ts";
import { type DirectAgentOptions, runDirectAgent } from "../../src/node/direct/direct-agent.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createFetch } from "../../src/platform/http-fetch.ts";
import { systemIds } from "../../src/platform/ids.ts";
import { type Log, silentLog } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import type { Runtime } from "../../src/runtimes/runtime.ts";
import { createTempDir } from "./temp-dir.ts";

export interface TestDirectAgentOptions extends Partial<DirectAgentOptions> {
  readonly coordinatorUrl: string;
  readonly runtime: Runtime;
}

export interface TestDirectAgent extends AsyncDisposable {
  readonly agent: RunningNodeAgent;
  readonly port: number;
  /** Messages of the log so far. */
  readonly lines: readonly string[];
}

/** The real agent of the direct transport with an injected runtime. */
export async function startDirectAgent(options: TestDirectAgentOptions): Promise<TestDirectAgent> {
  const { runtime, ...rest } = options;
  const dir = await createTempDir();
  const lines: string[] = [];
  const record = (message: string) => void lines.push(message);
  const log: Log = { ...silentLog, info: record, warn: record, error: record };
  const agent = await runDirectAgent({
    token: null,
    invite: null,
    name: "heron",
    slots: null,
    dataDir: dir.path,
    maxRunMs: null,
    probeCapabilities: () =>
      Promise.resolve({ os: "linux", arch: "amd64", gpu: false, memory_gb: 1, tags: [], skills: ["docker"] }),
    version: "test",
    fetch: createFetch({ env: {} }),
    proxyUrl: null,
    clock: systemClock,
    random: systemRandom,
    ids: systemIds,
    log,
    stopLimitMs: 200,
    runtimes: [runtime],
    listen: { host: "127.0.0.1", port: 0 },
    endpoint: null,
    ...rest,
  });
  const listening = lines
    .map((line) => /listening on :(\d+)/.exec(line)?.[1])
    .find((port) => port !== undefined);
  return {
    agent,
    port: Number(listening),
    lines,
    [Symbol.asyncDispose]: async () => {
      await agent.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}
