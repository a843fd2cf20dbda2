import { defaultBackoffCapMs, nextBackoffMs } from "../link/backoff.ts";
import { delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import type { MeshId } from "../protocol/ids.ts";
import { closeRuntimes, startAgent } from "./agent-life.ts";
import type { NodeAgentOptions, RunningNodeAgent } from "./agent-options.ts";
import { createCapabilityWatch } from "./capability-watch.ts";
import type { CoordinatorAddress } from "./coordinator-address.ts";
import { findCoordinator } from "./find-coordinator.ts";
import { findKnownMeshes, type Identity, openIdentity } from "./identity.ts";
import { createRuntimeWatch } from "./runtime-watch.ts";

/**
 * Runs a node until it is stopped or told to end. Resolves after the first welcome; tries for ever while the coordinator
 * cannot be reached.
 * @throws MeshError TOKEN_MISSING, TOKEN_INVALID, INVITE_INVALID, SCOPE_MISSING, NODE_LOCKED, NODE_ALREADY_LINKED,
 *   NAME_TAKEN, NOT_A_COORDINATOR, TLS_PIN_MISMATCH, TLS_NOT_TRUSTED, VERSION_UNSUPPORTED, DATA_DIR_UNUSABLE, USAGE
 */
export async function runNodeAgent(options: NodeAgentOptions): Promise<RunningNodeAgent> {
  const { log } = options;
  const address = await findCoordinator(options);
  log.info(`joining mesh at ${address.url} as "${options.name}"`);
  const watch = createRuntimeWatch(options);
  try {
    const [capabilities, meshId] = await Promise.all([
      createCapabilityWatch(options.probeCapabilities),
      chooseMesh(address, options),
      watch.probe(),
    ]);
    const identity = await openIdentity({ dataDir: options.dataDir, meshId, name: options.name });
    assertUsable(identity, { options, address });
    return await startAgent({ options, address, watch, capabilities }, identity);
  } catch (error) {
    await closeRuntimes(options, watch);
    throw error;
  }
}

interface Joining {
  readonly options: NodeAgentOptions;
  readonly address: CoordinatorAddress;
}

/** Lets the identity go when it cannot be used here. */
function assertUsable(identity: Identity, { options, address }: Joining): void {
  try {
    address.trust.assertKnows(identity.current());
    if (identity.current() !== null || options.token !== null || options.invite !== null) return;
    throw new MeshError("TOKEN_MISSING", `nothing was given to join the mesh with as "${options.name}"`, {
      hint: "Print a join line on the coordinator's machine with: claw-mesh invite",
    });
  } catch (error) {
    identity.release();
    throw error;
  }
}

/** The mesh that answers at the address; while nothing answers, one that was joined there before. */
async function chooseMesh(address: CoordinatorAddress, options: NodeAgentOptions): Promise<MeshId> {
  const { clock, signal } = options;
  for (let failures = 1; ; failures += 1) {
    try {
      return await address.askMeshId();
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      const meshes = address.trust.isSettled()
        ? await findKnownMeshes(options.dataDir, options.name, address.url)
        : [];
      const pin = options.pin ?? null;
      const known = meshes.find(({ file }) => pin !== null && file.tls?.pin === pin) ?? meshes[0];
      if (known !== undefined) return known.meshId;
      if (error.code !== "COORDINATOR_UNREACHABLE" && error.code !== "PROXY_IN_THE_WAY") throw error;
      options.onStatus?.({ state: "unreachable", error });
    }
    await delay(clock, nextBackoffMs(failures, defaultBackoffCapMs, options.random), signal);
    signal?.throwIfAborted();
  }
}
