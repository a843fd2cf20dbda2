import { readFile } from "node:fs/promises";
import { homeDir } from "../platform/paths.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import { parseGatewayAddress } from "./gateway-address.ts";
import { type GatewayProbeDeps, isOpenclawGateway, probeGatewayKind } from "./gateway-probe.ts";

/** What the operator said about the runtime of this node. */
export interface RuntimeWish {
  readonly runtime: RuntimeKind | "auto";
  /** null: not said. */
  readonly endpoint: string | null;
  readonly token: Secret | null;
  /** Whether to look for a gateway on this machine when no endpoint is given. */
  readonly autoDiscover: boolean;
}

/** Which runtime to use; as `createRuntime` takes it. */
export interface FoundRuntime {
  readonly kind: RuntimeKind;
  readonly endpoint: string | null;
  readonly token: Secret | null;
  /** One sentence on a token that the runtime's own files do not tell, and what to do; null when all is well. */
  readonly tokenProblem: string | null;
}

export interface FindDeps extends GatewayProbeDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Turns what the operator said into a runtime: asks the endpoint what it is, or looks for a gateway on this machine.
 * The token in OpenClaw's own files is used for OpenClaw's own address only.
 * @throws MeshError RUNTIME_NOT_FOUND when there is none, USAGE for an address that cannot be read
 */
export async function findRuntime(wish: RuntimeWish, deps: FindDeps): Promise<FoundRuntime> {
  const { runtime, endpoint, token } = wish;
  if (runtime === "echo") return { kind: "echo", endpoint: null, token: null, tokenProblem: null };
  if (endpoint !== null) {
    const kind = runtime === "auto" ? await probeGatewayKind(endpoint, token, deps) : runtime;
    const given = { kind, endpoint, token, tokenProblem: null };
    return kind === "openclaw" && token === null ? await withLocalToken({ ...given, endpoint }, deps) : given;
  }
  if (runtime === "openclaw") return withToken(await discover(deps), token);
  if (runtime !== "auto") return { kind: runtime, endpoint: null, token, tokenProblem: null };
  const local = wish.autoDiscover ? await findLocalRuntime(deps) : null;
  if (local === null) throw new MeshError("RUNTIME_NOT_FOUND", "No AI runtime was found on this machine.");
  return withToken(local, token);
}

/** The OpenClaw gateway that is running on this machine; null when none answers where its own files say. */
export async function findLocalRuntime(deps: FindDeps): Promise<FoundRuntime | null> {
  const found = await discover(deps);
  return (await isOpenclawGateway(found.endpoint, deps)) ? found : null;
}

type FoundGateway = FoundRuntime & { readonly endpoint: string };

async function discover({ env }: FindDeps): Promise<FoundGateway> {
  const { discoverOpenclaw } = await import("./openclaw/index.ts");
  // A file that cannot be read tells nothing; the gateway itself will say whether a token is needed.
  const readText = (path: string) => readFile(path, "utf8").catch(() => null);
  const { url, token, tokenProblem } = await discoverOpenclaw({ env, homeDirectory: homeDir(env), readText });
  return { kind: "openclaw", endpoint: url, token, tokenProblem };
}

/** Adds the token of this machine's OpenClaw when the endpoint is that one. */
async function withLocalToken(given: FoundGateway, deps: FindDeps): Promise<FoundRuntime> {
  const local = await discover(deps);
  return toSocketUrl(given.endpoint) === toSocketUrl(local.endpoint)
    ? { ...local, endpoint: given.endpoint }
    : given;
}

function withToken(found: FoundGateway | FoundRuntime, token: Secret | null): FoundRuntime {
  return token === null ? found : { ...found, token, tokenProblem: null };
}

/** One spelling for one address: `localhost` and 127.0.0.1 are the same machine. */
function toSocketUrl(endpoint: string): string {
  return parseGatewayAddress(endpoint).wsUrl.replace("//localhost:", "//127.0.0.1:");
}
