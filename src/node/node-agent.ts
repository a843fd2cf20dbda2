import type { MeshFetch } from "../client/index.ts";
import { defaultBackoffCapMs, nextBackoffMs } from "../link/backoff.ts";
import { waitAtMost } from "../platform/bounded-wait.ts";
import { type Clock, delay } from "../platform/clock.ts";
import type { Ids } from "../platform/ids.ts";
import type { Log } from "../platform/log.ts";
import { createMachineLoad } from "../platform/machine-load.ts";
import type { Random } from "../platform/random.ts";
import type { Capabilities } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { MeshId, NodeId } from "../protocol/ids.ts";
import type { WelcomeFrame } from "../protocol/link/v1/frames.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { Runtime } from "../runtimes/runtime.ts";
import { type CapabilityWatch, createCapabilityWatch } from "./capability-watch.ts";
import { type CoordinatorAddress, parseCoordinatorAddress } from "./coordinator-address.ts";
import { findKnownMeshes, type Identity, type NodeFile, openIdentity } from "./identity.ts";
import { type Membership, type MembershipDeps, openMembership } from "./membership.ts";
import { createRuntimeWatch, type RuntimeWatch } from "./runtime-watch.ts";

/** Time that running work has to finish when the agent stops. */
export const defaultStopLimitMs = 30_000;

/** Time that the runtimes have to let go of their gateways. */
const closeLimitMs = 5_000;

/** What happens to the agent's place in the mesh, for people who wait. */
export type NodeAgentStatus =
  /** The coordinator cannot be reached; tries go on. */
  | { readonly state: "unreachable"; readonly error: MeshError }
  /** No credential opens the link any more; tries go on, slowly. */
  | { readonly state: "refused"; readonly error: MeshError }
  | {
      readonly state: "linked";
      readonly nodeId: NodeId;
      readonly name: string;
      readonly isReturning: boolean;
    }
  | { readonly state: "down"; readonly reason: string }
  | { readonly state: "stopping"; readonly running: number };

export interface NodeAgentOptions {
  /** `http://host:9180` */
  readonly coordinatorUrl: string;
  /** An admin token, or this node's own from elsewhere; null: none was given. */
  readonly token: string | null;
  /** Code of an invite; null: none was given. */
  readonly invite: string | null;
  readonly name: string;
  /** Attempts at once; null: what the runtimes tell. */
  readonly slots: number | null;
  readonly dataDir: string;
  /** The agent closes them when it ends. */
  readonly runtimes: readonly Runtime[];
  /** Limit of one run; the smaller of it and the task's wins. null: only the task's. */
  readonly maxRunMs: number | null;
  readonly probeCapabilities: () => Promise<Capabilities>;
  /** Version of this software. */
  readonly version: string;
  readonly fetch: MeshFetch;
  readonly proxyUrl: string | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly log: Log;
  readonly onStatus?: ((status: NodeAgentStatus) => void) | undefined;
  /** Ends the wait for the first welcome; the start then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Default {@link defaultStopLimitMs}. */
  readonly stopLimitMs?: number | undefined;
}

interface SelfTest {
  readonly reached: boolean;
  readonly authenticated: boolean;
  readonly runtimes: RuntimeStatus[];
  readonly slots: number;
  readonly nodeId: NodeId;
}

export interface RunningNodeAgent {
  readonly selfTest: SelfTest;
  readonly nodeId: NodeId;
  /** As the coordinator has it. */
  readonly name: string;
  /** Takes no new work, finishes what runs, says goodbye. Resolves when all is closed; may be called again. */
  readonly stop: (reason?: string) => Promise<void>;
  /**
   * Resolves when the agent has ended: stopped, drained (error null), or told by the coordinator not to come back
   * (replaced, removed, another agent has the node, no common version). Never rejects.
   */
  readonly done: Promise<{ readonly reason: string; readonly error: MeshError | null }>;
}

/**
 * Runs a node until it is stopped or told to end. Resolves after the first welcome; tries for ever while the coordinator
 * cannot be reached.
 * @throws MeshError TOKEN_MISSING, TOKEN_INVALID, INVITE_INVALID, SCOPE_MISSING, NODE_LOCKED, NODE_ALREADY_LINKED,
 *   NAME_TAKEN, NOT_A_COORDINATOR, VERSION_UNSUPPORTED, DATA_DIR_UNUSABLE, USAGE
 */
export async function runNodeAgent(options: NodeAgentOptions): Promise<RunningNodeAgent> {
  const { clock, log } = options;
  const address = parseCoordinatorAddress({
    url: options.coordinatorUrl,
    fetch: options.fetch,
    proxyUrl: options.proxyUrl,
  });
  log.info(`joining mesh at ${address.url} as "${options.name}"`);
  const watch = createRuntimeWatch({ runtimes: options.runtimes, slots: options.slots, clock });
  try {
    const [capabilities, meshId] = await Promise.all([
      createCapabilityWatch(options.probeCapabilities),
      chooseMesh(address, options),
      watch.probe(),
    ]);
    const identity = await openIdentity({ dataDir: options.dataDir, meshId, name: options.name });
    assertCredential(identity, options);
    return await createAgent({ options, address, watch, capabilities }, identity);
  } catch (error) {
    await closeRuntimes(options);
    throw error;
  }
}

function assertCredential(identity: Identity, options: NodeAgentOptions): void {
  if (identity.current() !== null || options.token !== null || options.invite !== null) return;
  identity.release();
  throw new MeshError("TOKEN_MISSING", `nothing was given to join the mesh with as "${options.name}"`, {
    hint: "Print a join line on the coordinator's machine with: claw-mesh invite",
  });
}

/** Lets go of the gateways; runs that are still unsettled settle as lost. May be called again. */
async function closeRuntimes({ runtimes, clock, log }: NodeAgentOptions): Promise<void> {
  const closing = Promise.all(runtimes.map((runtime) => runtime.close())).then(
    () => {},
    (error: unknown) => log.warn("a runtime could not be closed", { error }),
  );
  await waitAtMost(closing, { clock, limitMs: closeLimitMs, otherwise: undefined });
}

/** The mesh that answers at the address; while nothing answers, one that was joined there before. */
async function chooseMesh(address: CoordinatorAddress, options: NodeAgentOptions): Promise<MeshId> {
  const { clock, signal } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      return await address.askMeshId();
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      const [known] = await findKnownMeshes(options.dataDir, options.name, address.url);
      if (known !== undefined) return known;
      if (error.code !== "COORDINATOR_UNREACHABLE" && error.code !== "PROXY_IN_THE_WAY") throw error;
      options.onStatus?.({ state: "unreachable", error });
    }
    await delay(clock, nextBackoffMs(failures, defaultBackoffCapMs, options.random), signal);
    signal?.throwIfAborted();
  }
}

interface AgentParts {
  readonly options: NodeAgentOptions;
  readonly address: CoordinatorAddress;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
}

/** `joining → running → stopping → ended`; a welcome from another mesh goes back to joining with that mesh's identity. */
function createAgent(parts: AgentParts, firstIdentity: Identity): Promise<RunningNodeAgent> {
  const { options, watch } = parts;
  const { log, onStatus } = options;
  const instance = options.ids.instance();
  const sampleLoad = createMachineLoad();
  const started = Promise.withResolvers<RunningNodeAgent>();
  const done = Promise.withResolvers<{ reason: string; error: MeshError | null }>();
  let membership: Membership;
  let hasStarted = false;
  /** What the other mesh's first welcome said of this node; its second, to the new identity, knows it in any case. */
  let wasKnownAtMove: boolean | null = null;
  let ending: Promise<void> | null = null;

  const joined = (welcome: WelcomeFrame) => {
    const { node_id: nodeId, name } = welcome;
    const isReturning = wasKnownAtMove ?? welcome.returning;
    wasKnownAtMove = null;
    const announce = () => {
      log.info(`${isReturning ? "re-registered" : "registered"} as node ${nodeId}`);
      onStatus?.({ state: "linked", nodeId, name, isReturning });
    };
    if (hasStarted) return announce();
    hasStarted = true;
    const agent: RunningNodeAgent = {
      selfTest: {
        reached: true,
        authenticated: true,
        runtimes: watch.statuses(),
        slots: watch.slots(),
        nodeId,
      },
      nodeId,
      name,
      stop: (reason = "stopped") => stop(reason, options.stopLimitMs ?? defaultStopLimitMs),
      done: done.promise,
    };
    // Not before its identity is on the disk: who reads this line may stop the process and start it again.
    membership.saved().then(
      () => {
        announce();
        started.resolve(agent);
      },
      (error: unknown) => void fail(error),
    );
  };

  /** Ends without waiting for work: nobody would take its outcome, or there is none. */
  const end = (reason: string, error: MeshError | null) => {
    ending ??= (async () => {
      membership.stopRuns();
      await membership.leave(null);
      await closeAll();
      done.resolve({ reason, error });
    })();
    return ending;
  };

  const stop = (reason: string, limitMs: number) => {
    ending ??= (async () => {
      onStatus?.({ state: "stopping", running: membership.inFlight() });
      await membership.drain(limitMs);
      await membership.leave(reason);
      await closeAll();
      done.resolve({ reason, error: null });
    })();
    return ending;
  };

  const closeAll = async () => {
    await closeRuntimes(options);
    membership.close();
  };

  /** Before the first welcome an end is a failed start. */
  const fail = async (error: unknown) => {
    const known = error instanceof MeshError ? error : null;
    await end(known?.code ?? "failed", known);
    started.reject(error);
  };

  const open = (identity: Identity, granted: Pick<NodeFile, "node_id" | "token"> | null) => {
    membership = openMembership({
      ...toMembershipDeps(parts),
      identity,
      granted,
      instance,
      sampleLoad,
      events: {
        onWelcome: joined,
        onOtherMesh: (welcome) => void move(welcome),
        onDown: (reason) => {
          if (ending === null) log.warn("link lost", { reason });
          onStatus?.({ state: "down", reason });
        },
        onEnded: (error) => {
          if (!hasStarted) return void fail(error);
          log.error(error.message, { code: error.code, hint: error.hint });
          void end(error.code, error);
        },
        onNotAllowed: (error) => {
          if (!hasStarted) return void fail(error);
          log.error("the coordinator refuses this node", { code: error.code, hint: error.hint });
          onStatus?.({ state: "refused", error });
        },
        onUnreachable: (error) => {
          if (!hasStarted && error.code === "VERSION_UNSUPPORTED") return void fail(error);
          onStatus?.({ state: "unreachable", error });
        },
        onDrain: (frame) => {
          log.info("draining", { reason: frame.reason });
          void stop("drained", frame.deadline_ms);
        },
      },
    });
    membership.start();
  };

  /** Another mesh answers at the address now, as after a coordinator was set up anew: join that one. */
  const move = async (welcome: WelcomeFrame) => {
    if (ending !== null) return;
    log.warn("another mesh answers at this address", { mesh: welcome.mesh_id });
    const { dataDir, name } = options;
    membership.stopRuns();
    await membership.leave(null);
    membership.close();
    try {
      const identity = await openIdentity({ dataDir, meshId: welcome.mesh_id, name });
      const token = welcome.token ?? identity.current()?.token ?? null;
      wasKnownAtMove = welcome.returning;
      open(identity, token === null ? null : { node_id: welcome.node_id, token });
    } catch (error) {
      await fail(error);
    }
  };

  const { signal } = options;
  const onAbort = () => void fail(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  open(firstIdentity, null);
  if (signal?.aborted === true) onAbort();
  return started.promise.finally(() => signal?.removeEventListener("abort", onAbort));
}

type SharedDeps = Omit<MembershipDeps, "identity" | "granted" | "instance" | "sampleLoad" | "events">;

function toMembershipDeps({ options, address, watch, capabilities }: AgentParts): SharedDeps {
  return {
    coordinatorUrl: address.url,
    linkUrl: address.linkUrl,
    proxyUrl: address.proxyUrl,
    otherCredentials: [options.token, options.invite].filter((credential) => credential !== null),
    name: options.name,
    version: options.version,
    watch,
    capabilities,
    maxRunMs: options.maxRunMs,
    explain: address.explainLink,
    clock: options.clock,
    random: options.random,
    ids: options.ids,
    log: options.log,
  };
}
