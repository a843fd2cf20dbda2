import { type Clock, systemClock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import { createFetch, type HttpFetch, proxyForUrl } from "../platform/http-fetch.ts";
import { type Ids, systemIds } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { machineArch, machinePlatform } from "../platform/machine.ts";
import { preparePrivateDir } from "../platform/private-files.ts";
import { type Random, systemRandom } from "../platform/random.ts";
import { splitPinnedCode } from "../platform/tls/pin.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";
import { Secret } from "../protocol/secret.ts";
import type { SupervisedGateway } from "../provision/supervised-gateway.ts";
import { createRuntimeCredentials } from "../runtimes/runtime-credentials.ts";
import { stopSupervised } from "./agent-life.ts";
import type { NodeAgentOptions, NodeAgentStatus, RunningNodeAgent } from "./agent-options.ts";
import { createCapabilityProbe } from "./capabilities.ts";
import { createCoordinatorCalls } from "./direct/coordinator-calls.ts";
import { runDirectAgent } from "./direct/direct-agent.ts";
import { defaultListenAddress, parseListenAddress } from "./direct/listen-address.ts";
import { findCoordinator } from "./find-coordinator.ts";
import { runNodeAgent } from "./node-agent.ts";
import { chooseRuntimes, type RuntimeChoice } from "./node-runtimes.ts";
import { syncSeed } from "./seed/sync-seed.ts";

export type { NodeAgentStatus, RunningNodeAgent } from "./agent-options.ts";
export { type LinkTrialOptions, tryLink } from "./link-trial.ts";
export { findNodePlaces, type NodePlace } from "./node-places.ts";
export type { RuntimeChoice } from "./node-runtimes.ts";

export interface StartNodeAgentOptions {
  /** `http://host:9180` */
  readonly coordinatorUrl: string;
  readonly token: Secret | null;
  /** Code of an invite; behind a dot it may have the pin of the coordinator's key. */
  readonly invite: Secret | null;
  /** Authorities that the coordinator's certificate may come from; default null: what an earlier join kept, else the system's. */
  readonly trust?: Trust | null;
  readonly name: string;
  readonly tags: readonly string[];
  /** Attempts at once on the whole node; null: the sum of its runtimes' own. */
  readonly slots: number | null;
  readonly dataDir: string;
  /** In the order of preference, each kind once. */
  readonly runtimes: readonly RuntimeChoice[];
  /** Gateways of these runtimes that are kept alive: their state is shown, and they are ended with the agent, or when it fails. */
  readonly supervised?: readonly SupervisedGateway[];
  /** Limit of one run; null: only the task's. */
  readonly maxRunMs: number | null;
  /** Time that running work has to finish when the agent stops; default 30 s. */
  readonly stopLimitMs?: number;
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
  /** Default: a link; where the coordinator has none, a direct endpoint. */
  readonly direct?: DirectSettings;
  /**
   * Take over settings and workspace files that the coordinator offers: `once` for this node in this mesh, or `now`, also
   * when that was done before. Default null: never.
   */
  readonly syncConfig?: "once" | "now" | null;
  /** Ends the wait for the first welcome. */
  readonly signal?: AbortSignal;
}

/** How the coordinator calls this node. */
export interface DirectSettings {
  /** false: only where the coordinator has no link. */
  readonly isWanted: boolean;
  /** `:9121`, `host:port`; null: port 9121 of all interfaces. */
  readonly listen: string | null;
  /** `host:port` at which the coordinator reaches this node; null: the address that this machine calls it from. */
  readonly endpoint: string | null;
}

/**
 * Makes this machine a node: finds its runtimes, joins, and runs until it is stopped. Resolves after the first welcome.
 * A classic coordinator has no links: there the node is called.
 * @throws MeshError RUNTIME_NOT_FOUND, and what {@link runNodeAgent} and {@link runDirectAgent} throw
 */
export async function startNodeAgent(options: StartNodeAgentOptions): Promise<RunningNodeAgent> {
  try {
    return await start(options);
  } catch (error) {
    await stopSupervised(options.supervised ?? [], options.log);
    throw error;
  }
}

function toAfterJoin(options: StartNodeAgentOptions, clock: Clock): NodeAgentOptions["afterJoin"] {
  const { syncConfig: when = null, env, log, dataDir, name } = options;
  return when === null ? undefined : (access) => syncSeed(access, { env, clock, log, dataDir, name, when });
}

async function start(options: StartNodeAgentOptions): Promise<RunningNodeAgent> {
  const { env, log } = options;
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const fetch = options.fetch ?? createFetch({ env });
  const proxyFor = options.proxyForWebSocket ?? ((url: string) => proxyForUrl(url, env));
  const proxyUrl = proxyFor(options.coordinatorUrl);
  const listen = options.direct?.listen ?? null;
  const { invite, pin } = splitInvite(options.invite);
  const directParts = {
    listen: listen === null ? defaultListenAddress : parseListenAddress(listen),
    endpoint: options.direct?.endpoint ?? null,
  };
  const { dataDir } = options;
  const credentials = createRuntimeCredentials({ dataDir });
  const runtimeDeps = { clock, random, fetch, log, env, credentials, dataDir };
  const createOptions = async (): Promise<NodeAgentOptions> => ({
    coordinatorUrl: options.coordinatorUrl,
    token: options.token,
    invite,
    pin,
    trust: options.trust ?? null,
    name: options.name,
    slots: options.slots,
    dataDir,
    ...(await chooseRuntimes(options.runtimes, runtimeDeps)),
    supervised: options.supervised,
    stopLimitMs: options.stopLimitMs,
    maxRunMs: options.maxRunMs,
    probeCapabilities: createCapabilityProbe({
      env,
      clock,
      platform: machinePlatform,
      arch: machineArch,
      tags: options.tags,
      dataDir: options.dataDir,
      log,
    }),
    version: options.version,
    fetch,
    proxyUrl,
    clock,
    random,
    ids: options.ids ?? systemIds,
    log,
    onStatus: options.onStatus,
    afterJoin: toAfterJoin(options, clock),
    signal: options.signal,
  });
  await preparePrivateDir(dataDir, { log });
  if (options.direct?.isWanted === true)
    return runDirectAgent({ ...(await createOptions()), ...directParts });
  try {
    return await runNodeAgent(await createOptions());
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "NOT_A_COORDINATOR") throw error;
    const address = await findCoordinator({ ...options, fetch, proxyUrl, pin, clock });
    await address.trust.settle();
    const isClassic = await createCoordinatorCalls(address).isClassic(options.token);
    if (!isClassic) throw error;
  }
  const { port } = directParts.listen;
  log.warn(
    `this coordinator is a classic one without links: it calls this node, so port ${port} of this machine must be reachable for it`,
  );
  return runDirectAgent({ ...(await createOptions()), ...directParts });
}

/** The pin says whom to trust; the coordinator is shown the code alone. */
function splitInvite(invite: Secret | null): { readonly invite: Secret | null; readonly pin: string | null } {
  if (invite === null) return { invite, pin: null };
  const { code, pin } = splitPinnedCode(invite.reveal());
  return { invite: new Secret(code), pin };
}
