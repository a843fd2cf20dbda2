import { type Clock, systemClock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import {
  createFetch,
  type HttpFetch,
  proxyForWebSocket as systemProxyForWebSocket,
} from "../platform/http-fetch.ts";
import { type Ids, systemIds } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { machineArch, machinePlatform } from "../platform/machine.ts";
import { type Random, systemRandom } from "../platform/random.ts";
import type { NodeAgentStatus, RunningNodeAgent } from "./agent-options.ts";
import { probeCapabilities } from "./capabilities.ts";
import { runNodeAgent } from "./node-agent.ts";
import { chooseRuntime, type RuntimeChoice } from "./node-runtimes.ts";

export type { NodeAgentStatus, RunningNodeAgent } from "./agent-options.ts";

export interface StartNodeAgentOptions {
  /** `http://host:9180` */
  readonly coordinatorUrl: string;
  readonly token: string | null;
  readonly invite: string | null;
  readonly name: string;
  readonly tags: readonly string[];
  /** null: the runtime's own limit, else 4. */
  readonly slots: number | null;
  readonly dataDir: string;
  /** `timeoutMs`: limit of one run; null: only the task's. */
  readonly runtime: RuntimeChoice & { readonly timeoutMs: number | null };
  readonly version: string;
  readonly log: Log;
  readonly env: Environment;
  /** Default: by the proxy variables of `env`. */
  readonly proxyForWebSocket?: (url: string) => string | null;
  /** Default: by the proxy variables of `env`. */
  readonly fetch?: HttpFetch;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly ids?: Ids;
  readonly onStatus?: (status: NodeAgentStatus) => void;
  /** Ends the wait for the first welcome. */
  readonly signal?: AbortSignal;
}

/**
 * Makes this machine a node: finds its runtime, joins, and runs until it is stopped. Resolves after the first welcome.
 * @throws MeshError RUNTIME_NOT_FOUND, and what {@link runNodeAgent} throws
 */
export async function startNodeAgent(options: StartNodeAgentOptions): Promise<RunningNodeAgent> {
  const { env, log } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const fetch = options.fetch ?? createFetch({ env });
  const proxyFor = options.proxyForWebSocket ?? ((url: string) => systemProxyForWebSocket(url, env));
  const runtime = await chooseRuntime(options.runtime, { clock, random, fetch, log, env });
  return runNodeAgent({
    coordinatorUrl: options.coordinatorUrl,
    token: options.token,
    invite: options.invite,
    name: options.name,
    slots: options.slots,
    dataDir: options.dataDir,
    runtimes: [runtime],
    maxRunMs: options.runtime.timeoutMs,
    probeCapabilities: () =>
      probeCapabilities({ env, clock, platform: machinePlatform, arch: machineArch, tags: options.tags }),
    version: options.version,
    fetch,
    proxyUrl: proxyFor(options.coordinatorUrl),
    clock,
    random,
    ids: options.ids ?? systemIds,
    log,
    onStatus: options.onStatus,
    signal: options.signal,
  });
}
