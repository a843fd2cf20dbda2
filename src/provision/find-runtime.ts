import { homeDir } from "../platform/paths.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import type { Secret } from "../protocol/secret.ts";
import { parseGatewayAddress } from "../runtimes/gateway-address.ts";
import { probeGatewayKind } from "../runtimes/gateway-probe.ts";
import type { ApprovalPolicy, RuntimeSettings } from "../runtimes/runtime-settings.ts";
import { chooseDetected, type DetectedChoice, describeChoice } from "./choose-detected.ts";
import type { DetectDeps } from "./detect-deps.ts";
import { detectOpenaiServers } from "./detect-openai-servers.ts";
import { findOpenclawPlace } from "./detect-openclaw.ts";
import { detectRuntimes } from "./detect-runtimes.ts";
import { findZeroclawPlace } from "./detect-zeroclaw.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

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
  /** One sentence on what was chosen among those of this machine, and why; null: nothing had to be chosen. */
  readonly choice: string | null;
}

export interface FindDeps extends Omit<DetectDeps, "home" | "asksVersions" | "gatewayToken"> {
  /** Default: that of the environment. */
  readonly home?: string;
}

/**
 * Turns what the operator said into a runtime: asks the endpoint what it is, or looks for one on this machine. The token in
 * OpenClaw's own files is used for OpenClaw's own address only.
 * @throws MeshError RUNTIME_NOT_FOUND when there is none, USAGE for an address that cannot be read
 */
export async function findRuntime(wish: RuntimeWish, deps: FindDeps): Promise<FoundRuntime> {
  const world: DetectDeps = { ...deps, home: deps.home ?? homeDir(deps.env), asksVersions: false };
  switch (wish.kind) {
    case "auto":
      return await findAny(wish, world);
    case "openclaw":
      return await findOpenclaw(wish, world);
    case "zeroclaw":
      if (wish.endpoint !== null) return asNamed(wish);
      return asNamed({ ...wish, endpoint: (await findZeroclawPlace(world)).url, checksOwner: true });
    case "openai":
      if (wish.endpoint !== null) return asNamed({ ...wish, endpoint: wish.endpoint });
      return await findServer(wish, world);
    case "acp":
      if (wish.command !== null) return asNamed({ ...wish, command: wish.command });
      return await findAgent(wish, world);
    default:
      return asNamed(wish);
  }
}

function asNamed(settings: RuntimeSettings): FoundRuntime {
  return { settings, tokenProblem: null, choice: null };
}

async function findAny(wish: AnyRuntime, world: DetectDeps): Promise<FoundRuntime> {
  const { endpoint, token, model, approvals } = wish;
  if (endpoint === null) {
    if (!wish.autoDiscover) throw noneFound("No AI runtime was found on this machine.", null);
    const choice = chooseDetected(await detectRuntimes({ ...world, gatewayToken: token }), null);
    if (choice.chosen === null) {
      throw noneFound("No AI runtime was found on this machine.", choice, anyHint);
    }
    return toFound(choice.chosen, { choice, token, model, approvals });
  }
  const kind = await probeGatewayKind(endpoint, token, world);
  if (kind === "openclaw") return await findOpenclaw({ kind, endpoint, token }, world);
  if (kind === "openai") return asNamed({ kind, endpoint, token, model, sessions: "auto" });
  return asNamed({ kind: "zeroclaw", endpoint, token, agent: null, approvals, via: "auto" });
}

interface Wanted {
  readonly choice: DetectedChoice;
  readonly token: Secret | null;
  readonly model: string | null;
  readonly approvals: ApprovalPolicy;
}

function toFound(chosen: DetectedRuntime, { choice, ...said }: Wanted): FoundRuntime {
  const settings = toSettings(chosen, said);
  const isTokenMissing = settings.kind === "openclaw" && settings.token === null && chosen.problem !== null;
  return {
    settings,
    tokenProblem: isTokenMissing ? chosen.problem.remedy : null,
    choice: describeChoice(choice),
  };
}

/**
 * What was detected as the settings of its adapter; a token that was given goes before the one of its files. For one that can
 * be used: an agent without its command, or a server without its address, is a fault of the caller. A token that was given was
 * given for OpenClaw or ZeroClaw, and an OpenClaw that was detected has it already: no server gets it.
 */
export function toSettings(detected: DetectedRuntime, said: Omit<Wanted, "choice">): RuntimeSettings {
  const { kind, endpoint, command } = detected;
  const { model, approvals } = said;
  const { token } = detected;
  if (kind === "acp" && command !== null) return { kind, command, cwd: null, env: {}, approvals };
  if (kind === "openai" && endpoint !== null) {
    // Without a key there is nothing to be taken, and model servers often run as users of their own.
    const checksOwner = token !== null;
    return { kind, endpoint, token, model, sessions: "auto", ...(checksOwner ? { checksOwner } : {}) };
  }
  if (kind === "zeroclaw") {
    return { kind, endpoint, token: said.token, agent: null, approvals, via: "auto", checksOwner: true };
  }
  if (kind === "openclaw") return { kind, endpoint, token, checksOwner: true };
  throw new MeshError("INTERNAL", `what was detected as ${detected.product} cannot be used`);
}

async function findServer(wish: NamedRuntime & { kind: "openai" }, world: DetectDeps): Promise<FoundRuntime> {
  const choice = chooseDetected(await detectOpenaiServers(world), "openai");
  const { chosen } = choice;
  if (chosen === null || chosen.endpoint === null) {
    throw noneFound("No OpenAI-compatible server was found on this machine.", choice, serverHint);
  }
  const token = wish.token ?? chosen.token;
  const settings = { ...wish, endpoint: chosen.endpoint, token, checksOwner: token !== null };
  return { settings, tokenProblem: null, choice: describeChoice(choice) };
}

async function findAgent(wish: NamedRuntime & { kind: "acp" }, world: DetectDeps): Promise<FoundRuntime> {
  const choice = chooseDetected(await detectRuntimes(world), "acp");
  const { chosen } = choice;
  if (chosen === null || chosen.command === null) {
    throw noneFound("No agent that speaks ACP was found on this machine.", choice, agentHint);
  }
  return {
    settings: { ...wish, command: chosen.command },
    tokenProblem: null,
    choice: describeChoice(choice),
  };
}

async function findOpenclaw(wish: SettingsOf<"openclaw">, world: DetectDeps): Promise<FoundRuntime> {
  const { endpoint, token } = wish;
  if (endpoint !== null && token !== null) return asNamed(wish);
  const place = await findOpenclawPlace({ ...world, gatewayToken: token });
  const isElsewhere = endpoint !== null && toSocketUrl(endpoint) !== toSocketUrl(place.url);
  if (isElsewhere) return asNamed({ kind: "openclaw", endpoint, token: null });
  return {
    settings: { kind: "openclaw", endpoint: endpoint ?? place.url, token: place.token, checksOwner: true },
    tokenProblem: place.tokenProblem,
    choice: null,
  };
}

const anyHint =
  "See claw-mesh runtime list; name one with --runtime, or have one installed with --auto-install.";
const serverHint = "Start one, or give its address with --gateway-endpoint, such as 127.0.0.1:11434.";
const agentHint = 'Install one, or give its command with --runtime-command, such as "openclaw acp".';

/** The hint is the remedy of what was passed over, where there is one of the kind. */
function noneFound(message: string, choice: DetectedChoice | null, otherwise?: string): MeshError {
  const problem = choice?.passedOver.find(({ because }) => because !== "other_kind")?.runtime;
  if (problem?.problem == null) {
    return new MeshError("RUNTIME_NOT_FOUND", message, otherwise === undefined ? {} : { hint: otherwise });
  }
  const {
    product,
    problem: { message: what, remedy },
  } = problem;
  return new MeshError("RUNTIME_NOT_FOUND", `${message} ${product}: ${what}.`, { hint: remedy });
}

/** One spelling for one address: `localhost` and 127.0.0.1 are the same machine. */
function toSocketUrl(endpoint: string): string {
  return parseGatewayAddress(endpoint).wsUrl.replace("//localhost:", "//127.0.0.1:");
}
