import { readTextIfExists } from "../platform/atomic-file.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import type { HttpFetch } from "../platform/http-fetch.ts";
import type { Log } from "../platform/log.ts";
import { homeDir } from "../platform/paths.ts";
import type { Random } from "../platform/random.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import { parseGatewayAddress } from "../runtimes/gateway-address.ts";
import { isOpenclawGateway, probeGatewayKind } from "../runtimes/gateway-probe.ts";
import { createRuntime } from "../runtimes/index.ts";
import { discoverOpenclaw } from "../runtimes/openclaw/discover.ts";
import type { Runtime } from "../runtimes/runtime.ts";

export interface RuntimeChoice {
  /** `auto`: what answers at `endpoint`, else what is found on this machine. */
  readonly kind: RuntimeKind | "auto";
  readonly endpoint: string | null;
  readonly token: string | null;
}

export interface RuntimeChoiceDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: HttpFetch;
  readonly log: Log;
  readonly env: Environment;
}

/**
 * The runtime that the choice means on this machine. One that was named need not run yet; one that is to be found must.
 * @throws MeshError RUNTIME_NOT_FOUND, USAGE for a bad address
 */
export async function chooseRuntime(choice: RuntimeChoice, deps: RuntimeChoiceDeps): Promise<Runtime> {
  const { endpoint, token } = choice;
  if (choice.kind === "auto" && endpoint === null) return findLocalRuntime(token, deps);
  const kind = choice.kind === "auto" ? await probeGatewayKind(endpoint ?? "", token, deps) : choice.kind;
  const settings = { kind, endpoint, token, model: null };
  if (kind !== "openclaw") return createRuntime(settings, deps);
  return createRuntime({ ...settings, ...(await completeOpenclaw(endpoint, token, deps)) }, deps);
}

async function findLocalRuntime(token: string | null, deps: RuntimeChoiceDeps): Promise<Runtime> {
  const found = await discover(deps);
  if (!(await isOpenclawGateway(found.url, deps))) {
    throw new MeshError("RUNTIME_NOT_FOUND", "no AI runtime was found on this machine");
  }
  return createRuntime(
    { kind: "openclaw", endpoint: found.url, token: token ?? found.token, model: null },
    deps,
  );
}

/** What OpenClaw's own files say fills the gaps; its token goes nowhere but to the address in the same files. */
async function completeOpenclaw(endpoint: string | null, token: string | null, deps: RuntimeChoiceDeps) {
  if (endpoint !== null && token !== null) return { endpoint, token };
  const found = await discover(deps);
  const address = endpoint ?? found.url;
  const isSame = parseGatewayAddress(address).wsUrl === parseGatewayAddress(found.url).wsUrl;
  return { endpoint: address, token: token ?? (isSame ? found.token : null) };
}

function discover({ env }: RuntimeChoiceDeps) {
  return discoverOpenclaw({ env, homeDirectory: homeDir(env), readText: readTextIfExists });
}
