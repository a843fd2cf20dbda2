import { readFile } from "node:fs/promises";
import { homeDir } from "../platform/paths.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import { parseGatewayAddress } from "./gateway-address.ts";
import { type GatewayProbeDeps, isOpenclawGateway, probeGatewayKind } from "./gateway-probe.ts";
import type { ApprovalPolicy, RuntimeSettings } from "./runtime-settings.ts";

type SettingsOf<Kind extends RuntimeKind> = RuntimeSettings & { readonly kind: Kind };

/** A runtime that the operator named. An address, token or command that is null is looked for on this machine. */
export type NamedRuntime =
  | SettingsOf<"echo" | "openclaw" | "zeroclaw" | "command">
  | (Omit<SettingsOf<"openai">, "endpoint"> & { readonly endpoint: string | null })
  | (Omit<SettingsOf<"acp">, "command"> & { readonly command: readonly string[] | null });

/** What answers at the address; without one, what is found on this machine. */
interface AnyRuntime {
  readonly kind: "auto";
  /** null: not said. */
  readonly endpoint: string | null;
  readonly token: Secret | null;
  /** Only when it turns out to be `openai`. */
  readonly model: string | null;
  /** Only when it turns out to be one that asks. */
  readonly approvals: ApprovalPolicy;
  /** Whether to look for a gateway on this machine when no endpoint is given. */
  readonly autoDiscover: boolean;
}

/** What the operator said about a runtime of this node. */
export type RuntimeWish = NamedRuntime | AnyRuntime;

/** Which runtime to use; as `createRuntime` takes it. */
export interface FoundRuntime {
  readonly settings: RuntimeSettings;
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
  switch (wish.kind) {
    case "auto":
      return await findAny(wish, deps);
    case "openclaw":
      return await findOpenclaw(wish, deps);
    case "openai":
      if (wish.endpoint === null) throw endpointMissing();
      return asNamed({ ...wish, endpoint: wish.endpoint });
    case "acp":
      if (wish.command === null) throw commandMissing();
      return asNamed({ ...wish, command: wish.command });
    default:
      return asNamed(wish);
  }
}

function asNamed(settings: RuntimeSettings): FoundRuntime {
  return { settings, tokenProblem: null };
}

async function findAny(wish: AnyRuntime, deps: FindDeps): Promise<FoundRuntime> {
  const { endpoint, token, model, approvals } = wish;
  if (endpoint === null) {
    const local = wish.autoDiscover ? await findLocalRuntime(deps) : null;
    if (local === null) throw new MeshError("RUNTIME_NOT_FOUND", "No AI runtime was found on this machine.");
    return withToken(local, token);
  }
  const kind = await probeGatewayKind(endpoint, token, deps);
  if (kind === "openclaw") return await findOpenclaw({ kind, endpoint, token }, deps);
  if (kind === "openai") return asNamed({ kind, endpoint, token, model, sessions: "auto" });
  return asNamed({ kind: "zeroclaw", endpoint, token, agent: null, approvals, via: "auto" });
}

async function findOpenclaw(wish: SettingsOf<"openclaw">, deps: FindDeps): Promise<FoundRuntime> {
  const { endpoint, token } = wish;
  if (endpoint === null) return withToken(await discover(deps), token);
  return token === null ? await withLocalToken(endpoint, deps) : asNamed(wish);
}

/** The OpenClaw gateway that is running on this machine; null when none answers where its own files say. */
export async function findLocalRuntime(deps: FindDeps): Promise<FoundRuntime | null> {
  const found = await discover(deps);
  return (await isOpenclawGateway(found.settings.endpoint, deps)) ? found : null;
}

interface FoundGateway extends FoundRuntime {
  readonly settings: SettingsOf<"openclaw"> & { readonly endpoint: string };
}

async function discover({ env }: FindDeps): Promise<FoundGateway> {
  const { discoverOpenclaw } = await import("./openclaw/index.ts");
  // A file that cannot be read tells nothing; the gateway itself will say whether a token is needed.
  const readText = (path: string) => readFile(path, "utf8").catch(() => null);
  const { url, token, tokenProblem } = await discoverOpenclaw({ env, homeDirectory: homeDir(env), readText });
  return { settings: { kind: "openclaw", endpoint: url, token }, tokenProblem };
}

/** Adds the token of this machine's OpenClaw when the endpoint is that one. */
async function withLocalToken(endpoint: string, deps: FindDeps): Promise<FoundRuntime> {
  const { settings, tokenProblem } = await discover(deps);
  return toSocketUrl(endpoint) === toSocketUrl(settings.endpoint)
    ? { settings: { ...settings, endpoint }, tokenProblem }
    : asNamed({ kind: "openclaw", endpoint, token: null });
}

function withToken(found: FoundRuntime, token: Secret | null): FoundRuntime {
  const { settings } = found;
  return token === null || settings.kind !== "openclaw" ? found : asNamed({ ...settings, token });
}

function endpointMissing(): MeshError {
  return new MeshError("RUNTIME_NOT_FOUND", 'The runtime "openai" needs the address of its server.', {
    hint: "Give it with --gateway-endpoint, such as 127.0.0.1:11434.",
  });
}

function commandMissing(): MeshError {
  return new MeshError("RUNTIME_NOT_FOUND", 'The runtime "acp" needs the command that starts its agent.', {
    hint: 'Give it with --runtime-command, such as "openclaw acp".',
  });
}

/** One spelling for one address: `localhost` and 127.0.0.1 are the same machine. */
function toSocketUrl(endpoint: string): string {
  return parseGatewayAddress(endpoint).wsUrl.replace("//localhost:", "//127.0.0.1:");
}
