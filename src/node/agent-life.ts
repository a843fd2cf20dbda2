import { waitAtMost } from "../platform/bounded-wait.ts";
import type { Log } from "../platform/log.ts";
import { createMachineLoad } from "../platform/machine-load.ts";
import { MeshError } from "../protocol/errors.ts";
import type { WelcomeFrame } from "../protocol/link/v1/frames.ts";
import { toSecret } from "../protocol/secret.ts";
import type { SupervisedGateway } from "../provision/supervised-gateway.ts";
import { defaultStopLimitMs, type NodeAgentOptions, type RunningNodeAgent } from "./agent-options.ts";
import type { CapabilityWatch } from "./capability-watch.ts";
import type { CoordinatorAddress } from "./coordinator-address.ts";
import { type Identity, type NodeFile, openIdentity } from "./identity.ts";
import { type Membership, type MembershipDeps, openMembership } from "./membership.ts";
import { createMoveLimit } from "./move-limit.ts";
import type { RuntimeWatch } from "./runtime-watch.ts";
import type { JoinedAccess } from "./seed/sync-seed.ts";

/** Time that the runtimes have to let go of their gateways. */
const closeLimitMs = 5_000;

export interface AgentParts {
  readonly options: NodeAgentOptions;
  readonly address: CoordinatorAddress;
  readonly watch: RuntimeWatch;
  readonly capabilities: CapabilityWatch;
}

/** `joining → running → stopping → ended`; a welcome from another mesh goes back to joining with that mesh's identity. */
export function startAgent(parts: AgentParts, firstIdentity: Identity): Promise<RunningNodeAgent> {
  const { options, watch } = parts;
  const { log, onStatus } = options;
  const instance = options.ids.instance();
  const sampleLoad = createMachineLoad();
  const started = Promise.withResolvers<RunningNodeAgent>();
  const done = Promise.withResolvers<{ reason: string; error: MeshError | null }>();
  let membership: Membership;
  let currentIdentity = firstIdentity;
  let hasStarted = false;
  /** What the other mesh's first welcome said of this node; its second, to the new identity, knows it in any case. */
  let wasKnownAtMove: boolean | null = null;
  /** A move to another mesh is under way until this resolves. */
  let moving: Promise<void> = Promise.resolve();
  const moveLimit = createMoveLimit(options);
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
        const token = currentIdentity.current()?.token;
        const { meshId } = currentIdentity;
        if (token !== undefined) void options.afterJoin?.({ ...pickAccess(parts.address), token, meshId });
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
      const running = membership.inFlight();
      log.info("stopping", { running, limitMs });
      onStatus?.({ state: "stopping", running });
      await membership.drain(limitMs);
      await goodbye(reason);
    })();
    return ending;
  };

  /** Until nothing runs or the time is over it can be taken back, or be given another limit. */
  const drain = async (reason: string, limitMs: number) => {
    if (ending !== null) return;
    log.info("draining", { reason, running: membership.inFlight(), limitMs });
    onStatus?.({ state: "stopping", running: membership.inFlight() });
    const drained = membership;
    const isOver = await drained.drain(limitMs);
    if (!isOver || ending !== null || drained !== membership) return;
    const running = membership.inFlight();
    if (running > 0) log.warn("the time to drain is over; what still runs is stopped", { running });
    ending = goodbye("drained");
    await ending;
  };

  const undrain = () => {
    if (ending !== null) return;
    log.info("the drain was taken back");
    membership.takeWork();
  };

  const goodbye = async (reason: string) => {
    await membership.settle();
    await membership.leave(reason);
    await closeAll();
    done.resolve({ reason, error: null });
  };

  const closeAll = async () => {
    await closeRuntimes(options, watch);
    if (hasStarted) await stopSupervised(options.supervised ?? [], log);
    moveLimit.letGo();
    await moving;
    closeMembership();
  };

  const closeMembership = () => {
    try {
      membership.close();
    } catch (error) {
      log.error("the node's files could not be closed", { error });
    }
  };

  /** Before the first welcome an end is a failed start. */
  const fail = async (error: unknown) => {
    const known = error instanceof MeshError ? error : null;
    await end(known?.code ?? "failed", known);
    started.reject(error);
  };

  const open = (identity: Identity, granted: Pick<NodeFile, "node_id" | "token"> | null) => {
    currentIdentity = identity;
    membership = openOrRelease({
      ...toMembershipDeps(parts),
      identity,
      granted,
      instance,
      sampleLoad,
      events: {
        onWelcome: joined,
        onOtherMesh: (welcome) => {
          moving = move(welcome);
        },
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
        onDrain: (frame) => void drain(frame.reason, frame.deadline_ms),
        onUndrain: undrain,
      },
    });
    membership.start();
  };

  /**
   * Another mesh answers at the address now, as after a coordinator was set up anew: join that one. The agent may be told
   * to end at each wait; it closes what is open then, so nothing new may be opened after that.
   */
  const move = async (welcome: WelcomeFrame) => {
    if (ending !== null) return;
    log.warn("another mesh answers at this address", { mesh: welcome.mesh_id });
    const { dataDir, name } = options;
    try {
      membership.stopRuns();
      await membership.leave(null);
      closeMembership();
      await moveLimit.wait();
      if (ending !== null) return;
      const identity = await openIdentity({ dataDir, meshId: welcome.mesh_id, name });
      if (ending !== null) return identity.release();
      try {
        parts.address.trust.assertKnows(identity.current());
      } catch (error) {
        identity.release();
        throw error;
      }
      const token = toSecret(welcome.token ?? null) ?? identity.current()?.token ?? null;
      wasKnownAtMove = welcome.returning;
      open(identity, token === null ? null : { node_id: welcome.node_id, token });
    } catch (error) {
      // Not awaited: an end waits for the move.
      void fail(error);
    }
  };

  const { signal } = options;
  const onAbort = () => void fail(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  open(firstIdentity, null);
  if (signal?.aborted === true) onAbort();
  return started.promise.finally(() => signal?.removeEventListener("abort", onAbort));
}

export function pickAccess({
  url,
  fetch,
  proxyUrl,
}: CoordinatorAddress): Omit<JoinedAccess, "token" | "meshId"> {
  return { url, fetch, proxyUrl };
}

/** Without a membership nobody would let the identity go. */
function openOrRelease(deps: MembershipDeps): Membership {
  try {
    return openMembership(deps);
  } catch (error) {
    deps.identity.release();
    throw error;
  }
}

type SharedDeps = Omit<MembershipDeps, "identity" | "granted" | "instance" | "sampleLoad" | "events">;

function toMembershipDeps({ options, address, watch, capabilities }: AgentParts): SharedDeps {
  return {
    coordinatorUrl: address.url,
    linkUrl: address.linkUrl,
    proxyUrl: address.proxyUrl,
    trust: address.trust,
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

/**
 * Lets go of the gateways; runs that are still unsettled settle as lost. May be called again. Gateways that are kept alive stay:
 * another way to join may use them.
 */
export async function closeRuntimes(options: NodeAgentOptions, watch: RuntimeWatch): Promise<void> {
  const { runtimes, clock, log } = options;
  watch.stop();
  const closing = Promise.all(runtimes.map(async (runtime) => runtime.close())).then(
    () => {},
    (error: unknown) => log.warn("a runtime could not be closed", { error }),
  );
  await waitAtMost(closing, { clock, limitMs: closeLimitMs, otherwise: undefined });
}

/** Each has a limit of its own. */
export async function stopSupervised(gateways: readonly SupervisedGateway[], log: Log): Promise<void> {
  const ends = await Promise.allSettled(gateways.map((gateway) => gateway.stop()));
  for (const end of ends) {
    if (end.status === "rejected") log.warn("a gateway could not be stopped", { error: end.reason });
  }
}
