import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseGatewayAddress } from "../../runtimes/gateway-address.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import { findInstalled } from "../installed-programs.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { findGatewayProgram } from "../setup/set-up-runtime.ts";
import type { SupervisedGateway } from "../supervised-gateway.ts";
import { type SuperviseDeps, superviseGateway } from "./supervise-gateway.ts";

/** In the order in which one is taken when nobody names one. */
const kinds: readonly InstallableKind[] = ["openclaw", "zeroclaw"];

/**
 * How the gateway of a kind is started on this machine.
 * @param endpoint what the operator said; null: nothing
 * @throws MeshError RUNTIME_NOT_FOUND when it is not installed, RUNTIME_START_FAILED when it was never set up, USAGE when the
 *   address is not that of this machine's gateway
 */
export async function findLocalGateway(
  kind: InstallableKind,
  endpoint: string | null,
  deps: ProvisionDeps,
): Promise<GatewayProgram> {
  const program = await findInstalled(kind, deps);
  if (program === null) {
    throw new MeshError("RUNTIME_NOT_FOUND", `${kind} is not installed on this machine.`, {
      hint: `Install it with: claw-mesh runtime install ${kind}`,
    });
  }
  const gateway = await findGatewayProgram(program, deps);
  if (endpoint === null || toAddress(endpoint) === toAddress(gateway.endpoint)) return gateway;
  throw new MeshError(
    "USAGE",
    `The gateway of ${kind} on this machine is at ${gateway.endpoint}, not at the address that was given.`,
    {
      hint: "Leave out --supervise for a gateway elsewhere, or --gateway-endpoint for the one of this machine.",
    },
  );
}

/** The first that is installed and set up on this machine; null: there is none. */
export async function findAnyGateway(deps: ProvisionDeps): Promise<GatewayProgram | null> {
  for (const kind of kinds) {
    try {
      return await findLocalGateway(kind, null, deps);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      if (error.code !== "RUNTIME_NOT_FOUND" && error.code !== "RUNTIME_START_FAILED") throw error;
    }
  }
  return null;
}

/**
 * Begins to keep it alive, and waits until it takes messages or is given up, at most as long as a start may take: the node
 * joins all the same, and tells what is missing.
 * @throws the reason of the signal, after it was ended
 */
export async function superviseUntilReady(
  gateway: GatewayProgram,
  deps: SuperviseDeps & { readonly signal: AbortSignal },
): Promise<SupervisedGateway> {
  const { clock, signal } = deps;
  signal.throwIfAborted();
  const supervised = superviseGateway(gateway, deps);
  const settled = Promise.withResolvers<void>();
  const look = () => {
    const { state } = supervised.state();
    if (state === "running" || state === "crash_loop" || state === "stopped") settled.resolve();
  };
  const stopListening = supervised.onChange(look);
  const giveUp = () => settled.resolve();
  signal.addEventListener("abort", giveUp, { once: true });
  look();
  await waitAtMost(settled.promise, { clock, limitMs: gateway.readyLimitMs, otherwise: undefined });
  stopListening();
  signal.removeEventListener("abort", giveUp);
  if (signal.aborted) {
    await supervised.stop();
    signal.throwIfAborted();
  }
  return supervised;
}

/** One spelling for one address. */
function toAddress(endpoint: string): string {
  return parseGatewayAddress(endpoint)
    .wsUrl.replace(/^wss?:/, "")
    .replace("//localhost:", "//127.0.0.1:");
}
