import { z } from "zod";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import { isOpenclawModel, type ModelList, type ServerAccess, toRequestInit } from "./models.ts";

/** What an OpenAI-compatible server turned out to be. */
export interface ServerProduct {
  readonly name: ServerName;
  /** null: it does not tell. */
  readonly version: string | null;
  /** Whether an agent answers there, with tools and memory of its own, rather than a bare model. */
  readonly isAgent: boolean;
}

type ServerName =
  | "Ollama"
  | "LM Studio"
  | "vLLM"
  | "SGLang"
  | "llama.cpp"
  | "KoboldCpp"
  | "OpenClaw (HTTP)"
  | "Hermes Agent"
  | "nanobot"
  | "OpenAI-compatible server";

const agents: readonly ServerName[] = ["OpenClaw (HTTP)", "Hermes Agent", "nanobot"];

/** What servers write as the owner of their models. Ollama and others write anything there. */
const owners: Readonly<Record<string, ServerName | undefined>> = {
  organization_owner: "LM Studio",
  vllm: "vLLM",
  sglang: "SGLang",
  llamacpp: "llama.cpp",
  koboldcpp: "KoboldCpp",
  nanobot: "nanobot",
};

/** Bytes of an answer that tells a version. */
const maxAnswerBytes = 256 * 1024;

const Version = z.object({ version: z.string().min(1).max(128) });
const LlamaProps = z.object({ build_info: z.string().min(1).max(128) });
const HermesHealth = z.object({
  status: z.string(),
  platform: z.literal("hermes-agent"),
  version: z.string().min(1).max(128).nullish(),
});

/**
 * Tells from what its model list says, and from paths that only one product has, what a server is. Asks at most three
 * questions, none with the key. Rejects only when the signal is aborted.
 */
export async function identifyServer(
  access: ServerAccess,
  list: ModelList,
  signal: AbortSignal,
): Promise<ServerProduct> {
  const ask = createQuestion(access, signal);
  if (list.kind === "listed" && list.ids.some(isOpenclawModel)) return product("OpenClaw (HTTP)", null);
  const owned = list.kind === "listed" ? matchOwner(list.owners) : null;
  if (owned === "vLLM") return product(owned, Version.safeParse(await ask("/version")).data?.version);
  if (owned === "llama.cpp") return product(owned, readBuild(await ask("/props")));
  if (owned !== null) return product(owned, null);
  const [health, ollama, props] = await Promise.all([ask("/health"), ask("/api/version"), ask("/props")]);
  const hermes = HermesHealth.safeParse(health).data;
  if (hermes !== undefined) return product("Hermes Agent", hermes.version);
  const build = readBuild(props);
  if (build !== null) return product("llama.cpp", build);
  const version = Version.safeParse(ollama).data?.version;
  return version === undefined ? product("OpenAI-compatible server", null) : product("Ollama", version);
}

/** What a question to a server gave; `unknown`: asked again, it may be answered. */
type ServerAnswer = "yes" | "no" | "unknown";

/** Asks without the key. */
export async function isHermes(access: ServerAccess, signal: AbortSignal): Promise<ServerAnswer> {
  const reply = await createCall(access, signal)("/health");
  if (reply === null || isPassing(reply.status)) return "unknown";
  return reply.status === 200 && HermesHealth.safeParse(reply.body).success ? "yes" : "no";
}

const HermesCapabilities = z.object({
  object: z.literal("hermes.api_server.capabilities"),
  features: z.object({ responses_api: z.literal(true), responses_streaming: z.literal(true) }),
});

/** Whether a Hermes of this version streams answers of `/v1/responses`. Asks with the key. */
export async function hasResponses(access: ServerAccess, signal: AbortSignal): Promise<ServerAnswer> {
  const reply = await createCall(access, signal, toRequestInit(access, {}))("/v1/capabilities");
  if (reply === null || isPassing(reply.status)) return "unknown";
  // The key, which may be set right.
  if (reply.status === 401 || reply.status === 403) return "unknown";
  return reply.status === 200 && HermesCapabilities.safeParse(reply.body).success ? "yes" : "no";
}

/** Whether a status tells of the moment, and not of what the server has: it starts, is busy or broken. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501);
}

interface CallReply {
  readonly status: number;
  /** undefined: not JSON. */
  readonly body: unknown;
}

/** null: the connection failed. */
function createCall({ fetch, address }: ServerAccess, signal: AbortSignal, init: RequestInit = {}) {
  return async (path: string): Promise<CallReply | null> => {
    try {
      const response = await fetch(`${address.httpUrl}${path}`, { redirect: "manual", ...init, signal });
      const body = await readBoundedBody(response, maxAnswerBytes);
      return { status: response.status, body: readJson(body) };
    } catch (error) {
      if (signal.aborted) throw error;
      // The caller knows what that means for its question.
      return null;
    }
  };
}

/** A server that drops the connection on a path that it does not know is none that has the path. */
function createQuestion(access: ServerAccess, signal: AbortSignal) {
  const call = createCall(access, signal);
  return async (path: string): Promise<unknown> => {
    const reply = await call(path);
    return reply?.status === 200 ? reply.body : undefined;
  };
}

function readBuild(body: unknown): string | null {
  return LlamaProps.safeParse(body).data?.build_info ?? null;
}

/** The product whose servers write such an owner; null: anybody's. */
export function matchOwner(names: readonly string[]): ServerName | null {
  for (const name of names) {
    const known = Object.hasOwn(owners, name) ? owners[name] : undefined;
    if (known !== undefined) return known;
  }
  return null;
}

function product(name: ServerName, version: string | null | undefined): ServerProduct {
  return { name, version: version ?? null, isAgent: agents.includes(name) };
}
