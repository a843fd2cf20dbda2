import type { LoadedConfig } from "../config/load-config.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import type { Log } from "../platform/log.ts";
import { preparePrivateDir } from "../platform/private-files.ts";
import { systemRandom } from "../platform/random.ts";
import { MeshError } from "../protocol/errors.ts";
import type { GatewayProgram, SupervisedGateway } from "../provision/index.ts";
import type { CliContext } from "./context.ts";
import { toProvisionDeps } from "./gateway-runtime.ts";

type RuntimeWish = StartNodeAgentOptions["runtimes"][number];

interface SupervisedRuntimes {
  readonly runtimes: readonly RuntimeWish[];
  readonly supervised: readonly SupervisedGateway[];
}

/**
 * `join --supervise`: keeps the gateways of this node alive that are installed on this machine, and waits for them. A node
 * that may choose gets the first that is installed and set up.
 * @throws MeshError RUNTIME_NOT_FOUND when none of its runtimes has a gateway that could be started here; the reason of the
 *   context's interrupt
 */
export async function superviseRuntimes(
  context: CliContext,
  config: LoadedConfig,
  { log, wishes }: { readonly log: Log; readonly wishes: readonly RuntimeWish[] },
): Promise<SupervisedRuntimes> {
  const { superviseUntilReady } = await import("../provision/index.ts");
  await preparePrivateDir(config.dataDir, { log });
  const deps = {
    ...toProvisionDeps(context, config),
    random: systemRandom,
    log,
    signal: context.interrupt,
  };
  const runtimes: RuntimeWish[] = [];
  const supervised: SupervisedGateway[] = [];
  try {
    for (const wish of wishes) {
      const gateway = await findGatewayOf(wish, deps);
      runtimes.push(gateway === null ? wish : toLocalWish(wish, gateway));
      if (gateway === null) continue;
      const { kind, readyLimitMs } = gateway;
      log.info("waiting for the gateway", { runtime: kind, limitMs: readyLimitMs });
      supervised.push(await superviseUntilReady(gateway, deps));
    }
  } catch (error) {
    await Promise.allSettled(supervised.map((one) => one.stop()));
    throw error;
  }
  if (supervised.length > 0) return { runtimes, supervised };
  const { supervise } = context.texts.runtimes;
  throw new MeshError("RUNTIME_NOT_FOUND", supervise.nothing, { hint: supervise.nothingHint });
}

/** null: it has no gateway, or one that nobody can start here. */
async function findGatewayOf(
  wish: RuntimeWish,
  deps: ReturnType<typeof toProvisionDeps>,
): Promise<GatewayProgram | null> {
  const { findAnyGateway, findLocalGateway } = await import("../provision/index.ts");
  switch (wish.kind) {
    case "openclaw":
    case "zeroclaw":
      return await findLocalGateway(wish.kind, wish.endpoint, deps);
    case "auto":
      return wish.endpoint === null ? await findAnyGateway(deps) : null;
    default:
      return null;
  }
}

/** What the node uses is what is kept alive, and not what else may answer on this machine. */
function toLocalWish(wish: RuntimeWish, { kind, endpoint, token }: GatewayProgram): RuntimeWish {
  if (wish.kind === "zeroclaw") return { ...wish, endpoint };
  if (wish.kind !== "auto") return wish;
  return kind === "openclaw"
    ? { kind, slots: null, endpoint, token: wish.token ?? token }
    : { kind, slots: null, endpoint, token: wish.token, agent: null, approvals: wish.approvals, via: "auto" };
}
