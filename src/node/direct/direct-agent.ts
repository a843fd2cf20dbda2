import { nextBackoffMs } from "../../link/backoff.ts";
import { delay } from "../../platform/clock.ts";
import { createDeadlines } from "../../platform/deadlines.ts";
import { findOutboundAddress } from "../../platform/outbound-address.ts";
import { MeshError } from "../../protocol/errors.ts";
import { type MeshId, NodeId } from "../../protocol/ids.ts";
import type { NodeStatus } from "../../protocol/node.ts";
import { closeRuntimes, pickAccess, stopSupervised } from "../agent-life.ts";
import { defaultStopLimitMs, type NodeAgentOptions, type RunningNodeAgent } from "../agent-options.ts";
import { type CapabilityWatch, createCapabilityWatch } from "../capability-watch.ts";
import { createConditionWait } from "../condition-wait.ts";
import type { CoordinatorAddress } from "../coordinator-address.ts";
import { findCoordinator } from "../find-coordinator.ts";
import { type Identity, openIdentity } from "../identity.ts";
import { repeat } from "../repeat.ts";
import { createRuntimeWatch, type RuntimeWatch } from "../runtime-watch.ts";
import { createDirectAttempts } from "./attempts.ts";
import { createCoordinatorCalls, type Place } from "./coordinator-calls.ts";
import type { ListenAddress } from "./listen-address.ts";
import { createMembershipLoop } from "./membership-loop.ts";
import { startMessageServer } from "./message-server.ts";

/** How often the runtimes are asked whether they are ready. */
const probeEveryMs = 5_000;

/** Time that runs have to settle after they were asked to stop. */
const settleLimitMs = 11_000;

/** Cap of the pause while the coordinator does not answer at the start. */
const startBackoffCapMs = 2_000;

export interface DirectAgentOptions extends NodeAgentOptions {
  readonly listen: ListenAddress;
  /** `host:port` at which the coordinator reaches this node; null: the address that this machine calls it from. */
  readonly endpoint: string | null;
}

/**
 * Runs a node that the coordinator calls, as the classic tool does. Resolves after the registration.
 * @throws MeshError what {@link runNodeAgent} throws, and PORT_IN_USE, CANNOT_LISTEN, ENDPOINT_REFUSED
 */
export async function runDirectAgent(options: DirectAgentOptions): Promise<RunningNodeAgent> {
  const { log } = options;
  const address = await findCoordinator(options);
  log.info(`joining mesh at ${address.url} as "${options.name}"`);
  const watch = createRuntimeWatch(options);
  let identity: Identity | null = null;
  try {
    const [capabilities, meshId] = await Promise.all([
      createCapabilityWatch(options.probeCapabilities),
      askMesh(address, options),
      watch.probe(),
    ]);
    // A classic coordinator has no mesh to be a member of for good: everything is forgotten with it.
    identity =
      meshId === null ? null : await openIdentity({ dataDir: options.dataDir, meshId, name: options.name });
    address.trust.assertKnows(identity?.current() ?? null);
    return await startDirect({ options, address, watch, capabilities, identity });
  } catch (error) {
    identity?.release();
    await closeRuntimes(options, watch);
    throw error;
  }
}

/** The key was not, or could not be, compared: that is no classic coordinator. */
const finalCodes: ReadonlySet<string> = new Set(["TLS_PIN_MISMATCH", "TLS_NOT_TRUSTED", "USAGE"]);

/** null: a coordinator that does not tell, as the classic one. */
async function askMesh(address: CoordinatorAddress, options: NodeAgentOptions): Promise<MeshId | null> {
  const { clock, signal } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      return await address.askMeshId();
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      if (finalCodes.has(error.code)) throw error;
      if (error.code !== "COORDINATOR_UNREACHABLE" && error.code !== "PROXY_IN_THE_WAY") return null;
      options.onStatus?.({ state: "unreachable", error });
    }
    await delay(clock, nextBackoffMs(failures, startBackoffCapMs, options.random), signal);
    signal?.throwIfAborted();
  }
}

interface Parts {
  readonly options: DirectAgentOptions;
  readonly address: CoordinatorAddress;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
  readonly identity: Identity | null;
}

/** `registering → serving → draining → ended` */
async function startDirect(parts: Parts): Promise<RunningNodeAgent> {
  const { options, address, watch, capabilities, identity } = parts;
  const { clock, log, onStatus } = options;
  const deadlines = createDeadlines(clock, (error) => log.error("a deadline failed", { error }));
  const wait = createConditionWait(clock);
  const ended = new AbortController();
  const calls = createCoordinatorCalls({
    url: address.url,
    fetch: address.fetch,
    proxyUrl: address.proxyUrl,
  });
  const attempts = createDirectAttempts({
    watch,
    meshId: identity?.meshId ?? null,
    maxRunMs: options.maxRunMs,
    clock,
    deadlines,
    log,
    onIdle: wait.look,
  });
  let isLeaving = false;
  let endpoint = options.endpoint ?? "";
  const members = createMembershipLoop({
    calls,
    credentials: () => {
      const stored = identity?.current()?.token ?? null;
      return [stored, options.token, options.invite].filter((credential) => credential !== null);
    },
    registration: () => ({
      name: options.name,
      endpoint,
      capabilities: capabilities.current(),
      told: { version: options.version, slots: watch.slots(), runtimes: watch.statuses() },
    }),
    status: (): NodeStatus => {
      if (isLeaving || !watch.statuses().some(({ ready }) => ready)) return "offline";
      return attempts.inFlight() >= watch.slots() ? "busy" : "online";
    },
    onRegistered: async (place, isFirst) => {
      log.info(`${isFirst ? "registered" : "re-registered"} as node ${place.node_id}`, { endpoint });
      await savePlace(parts, place);
      onStatus?.({ state: "linked", nodeId: place.node_id, name: options.name, isReturning: !isFirst });
    },
    onUnreachable: (error) => onStatus?.({ state: "unreachable", error }),
    isSameMesh: async () => {
      if (identity === null) return false;
      try {
        return (await address.askMeshId()) === identity.meshId;
      } catch (error) {
        if (error instanceof MeshError) return false;
        throw error;
      }
    },
    clock,
    log,
    signal: ended.signal,
  });

  const server = startMessageServer({
    listen: options.listen,
    attempts,
    token: async () => (await members.settledPlace())?.token ?? null,
    clock,
  });
  log.info(`node handler listening on :${server.port}`);
  if (options.endpoint === null) endpoint = await findEndpoint(parts, server.port);

  const stopProbes = repeat(async () => void (await watch.probe()), {
    clock,
    everyMs: probeEveryMs,
    keepsAlive: false,
    onFault: (error) => log.error("the runtimes could not be asked", { error }),
  });

  const closeAll = async () => {
    ended.abort(new MeshError("COORDINATOR_STOPPING", "the node is stopped"));
    stopProbes();
    await server.stop();
    await closeRuntimes(options, watch);
    deadlines.stop();
    identity?.release();
  };

  const endGateways = () => stopSupervised(options.supervised ?? [], log);

  const onAbort = () => ended.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (options.signal?.aborted === true) onAbort();
  try {
    await members.register();
    ended.signal.throwIfAborted();
  } catch (error) {
    await closeAll();
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
  }

  const done = Promise.withResolvers<{ reason: string; error: MeshError | null }>();
  let ending: Promise<void> | null = null;

  const leave = async () => {
    const place = members.place();
    if (place === null) return;
    try {
      await calls.deregister(place);
      log.info(`deregistered node ${place.node_id}`);
    } catch (error) {
      log.warn("could not deregister", { error });
    }
  };

  const tellOffline = async () => {
    try {
      await members.beat();
    } catch (error) {
      log.warn("could not say that the node is leaving", { error });
    }
  };

  /** Takes nothing new, finishes what runs, and then leaves; the coordinator is told first, so that it sends nothing. */
  const stop = async (reason: string, limitMs: number) => {
    const running = attempts.inFlight();
    log.info("stopping", { running, limitMs });
    onStatus?.({ state: "stopping", running });
    isLeaving = true;
    await tellOffline();
    attempts.drain();
    const isIdle = () => attempts.inFlight() === 0;
    await wait.until(isIdle, limitMs);
    if (!isIdle()) {
      attempts.stopAll("cancelled");
      await wait.until(isIdle, settleLimitMs);
    }
    // No heartbeat may follow: the coordinator would not know the node, and it would register again.
    ended.abort(new MeshError("COORDINATOR_STOPPING", "the node is stopped"));
    await leave();
    await closeAll();
    await endGateways();
    done.resolve({ reason, error: null });
  };

  const fail = async (error: MeshError) => {
    log.error(error.message, { code: error.code, hint: error.hint });
    attempts.drain();
    attempts.stopAll("superseded");
    await closeAll();
    await endGateways();
    done.resolve({ reason: error.code, error });
  };

  void members.run().catch((error: unknown) => {
    if (ended.signal.aborted) return;
    const known = error instanceof MeshError ? error : new MeshError("INTERNAL", "the node agent failed");
    ending ??= fail(known);
  });

  const place = members.place();
  if (place !== null) {
    const meshId = identity?.meshId ?? null;
    void options.afterJoin?.({ ...pickAccess(address), token: place.token, meshId });
  }
  const nodeId = place?.node_id ?? "";
  return {
    selfTest: {
      reached: true,
      authenticated: true,
      runtimes: watch.statuses(),
      slots: watch.slots(),
      nodeId,
    },
    nodeId,
    name: options.name,
    stop: (reason = "stopped") => {
      ending ??= stop(reason, options.stopLimitMs ?? defaultStopLimitMs);
      return ending;
    },
    done: done.promise,
  };
}

async function findEndpoint({ options, address }: Parts, port: number): Promise<string> {
  const url = new URL(address.url);
  const defaultPort = url.protocol === "https:" ? 443 : 80;
  const to = { host: url.hostname, port: url.port === "" ? defaultPort : Number(url.port) };
  const host = await findOutboundAddress(to, options.clock);
  if (host !== null) return `${host}:${port}`;
  throw new MeshError("USAGE", "cannot tell at which address the coordinator reaches this machine", {
    hint: "Say it with --endpoint host:port.",
  });
}

/** For the next start of this node: its own token opens its place then, whatever became of an invite. */
async function savePlace({ identity, options, address }: Parts, place: Place): Promise<void> {
  const id = NodeId.safeParse(place.node_id);
  if (identity === null || !id.success) return;
  const tls = address.trust.toKeep();
  await identity.save({
    node_id: id.data,
    token: place.token,
    coordinator_url: address.url,
    name: options.name,
    joined_at_ms: options.clock.nowMs(),
    ...(tls === null ? {} : { tls }),
  });
}
