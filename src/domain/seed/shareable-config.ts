import { redactText, secretName } from "../../protocol/redact-text.ts";

/**
 * What of an `openclaw.json` may go to other machines; keys that this list lacks stay where they are. Not in it, though
 * shareable by their nature, are `bindings` and `cron`: those belong to channels of one gateway, and a job that every
 * machine has runs once on each.
 */
export const shareableKeys: readonly string[] = [
  "agents",
  "models",
  "tools",
  "skills",
  "plugins",
  "mcp",
  "session",
  "messages",
  "memory",
  "commands",
  "approvals",
  "tts",
  "talk",
  "ui",
  "acp",
  "security",
  "accessGroups",
  "surfaces",
  "broadcast",
  "attachments",
  "transcripts",
];

/**
 * What a machine takes over of that. Nothing that starts programs, lets others in, or loosens what an agent may do: that is
 * decided on each machine.
 */
const acceptedKeys: readonly string[] = [
  "agents",
  "models",
  "skills",
  "mcp",
  "session",
  "messages",
  "memory",
  "tts",
  "talk",
  "ui",
  "broadcast",
  "attachments",
  "transcripts",
];

/** Levels of objects and lists, and values in all. A real configuration has ten, and a few hundred. */
const maxDepth = 24;
const maxValues = 20_000;

/** Characters of one text. */
const maxTextLength = 32 * 1024;

export type JsonObject = { readonly [key: string]: unknown };

/** What another machine may have of a configuration. Pure; what it gives, it gives back unchanged. */
export function toShareableConfig(config: unknown): JsonObject {
  return pick(config, shareableKeys, createCleaner({ isAccepting: false }));
}

/**
 * What a machine may take over of what it was given: all that {@link toShareableConfig} leaves out, and more, is left out.
 * @param mayHaveKey whether this machine may hold a key of the provider with this id: then nobody else says where it is sent
 */
export function toAcceptableConfig(
  given: unknown,
  mayHaveKey: (id: string) => boolean = () => false,
): JsonObject {
  return pick(given, acceptedKeys, createCleaner({ isAccepting: true, mayHaveKey }));
}

/** `path`: the keys from the top to the value; "" for a place in a list. */
type Clean = (value: unknown, path: readonly string[]) => unknown;

/** Providers that OpenClaw knows by itself: it takes their keys from variables and from what was logged in to. */
const knownProviders =
  /^(?:amazon|anthropic|arcee|azure|bedrock|byteplus|cerebras|chutes|claude|cloudflare|codex|cohere|copilot|deepgram|deepinfra|deepseek|elevenlabs|fal|fireworks|gemini|github|gitlab|google|groq|huggingface|kilo|kimi|litellm|lmstudio|meta|microsoft|minimax|mistral|moonshot|nvidia|ollama|openai|opencode|openrouter|perplexity|qianfan|qwen|replicate|sglang|stepfun|synthetic|together|venice|vercel|vertex|vllm|volcengine|xai|xiaomi|zai|z-ai)/i;

function pick(config: unknown, keys: readonly string[], clean: Clean): JsonObject {
  if (!isObject(config)) return {};
  return Object.fromEntries(
    keys
      .filter((key) => Object.hasOwn(config, key))
      .map((key) => [key, clean(config[key], [key])] as const)
      .filter(([, value]) => value !== undefined),
  );
}

/** Names of what belongs to one machine: folders, files, sockets, where a server listens. */
const machineName =
  /^(?:agentDir|workspace|cwd|home|host|hostname|port|bind|socket|binary|executable|pid|profile|uid|user|node|device(?:Id)?)$|(?:Dir|Dirs|Directory|Path|Paths|File|Files|Folder|Folders|Root|Roots|Socket|Port|Host|Binary)$/;

/** Objects of variables and headers, in which any value may be a secret; and names that no object should get. */
const closedName = /^(?:headers?|env|environment|auth|oauth|secrets?|__proto__|constructor|prototype|\$.*)$/i;

/** What starts a program or says what may be done without asking; a machine takes none of it from another. */
const riskyName =
  /^(?:allow|deny|approv|permission|trust|exec|elevated|sandbox|shell|hook|plugin|install|danger|insecure|unsafe|proxy|gateway|channel|command|tool|script).*$|^(?:cmd|args?|argv|run|load|loader|ask|cli.*|tls|verify.*|security)$|(?:Proxy|Command|Policy)$/i;

const absolutePath = /^(?:\/(?!\/)|~(?:[/\\]|$)|[A-Za-z]:[\\/]|\\\\|file:|\.{1,2}[/\\])/;
const localUrl =
  /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@\s]*@)?(?:localhost|127\.|0\.|\[::1?\]|host\.docker\.internal|[^/:]*\.localhost)/i;

interface CleanerOptions {
  readonly isAccepting: boolean;
  readonly mayHaveKey?: (id: string) => boolean;
}

function createCleaner({ isAccepting, mayHaveKey = () => false }: CleanerOptions): Clean {
  let left = maxValues;

  function clean(value: unknown, path: readonly string[]): unknown {
    left -= 1;
    if (left < 0 || path.length > maxDepth || isClosed(path, value)) return undefined;
    if (typeof value === "string") return isPlain(value) && mayStand(value, path) ? value : undefined;
    if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
    if (typeof value === "boolean" || value === null) return value;
    if (Array.isArray(value)) {
      return value.map((item) => clean(item, [...path, ""])).filter((item) => item !== undefined);
    }
    return isObject(value) ? cleanObject(value, path) : undefined;
  }

  function cleanObject(object: JsonObject, path: readonly string[]): JsonObject | undefined {
    // A server that only this machine reaches, or that is a program: without its address nothing is left of it.
    if (["baseUrl", "url"].some((name) => isLocalUrl(object[name]))) return undefined;
    if (isAccepting && typeof object.command === "string") return undefined;
    // A reference to a secret: {source, provider, id}.
    if (typeof object.source === "string" && typeof object.id === "string") return undefined;
    const entries = Object.entries(object)
      .filter(([key]) => isPlain(key))
      .map(([key, value]) => [key, clean(value, [...path, key])] as const)
      .filter(([, value]) => value !== undefined);
    // One of which nothing is left says nothing, and might stand where something is needed.
    return entries.length === 0 && Object.keys(object).length > 0 ? undefined : Object.fromEntries(entries);
  }

  function isClosed(path: readonly string[], value: unknown): boolean {
    const key = path.at(-1) ?? "";
    if (closedName.test(key) || machineName.test(key)) return true;
    if (isAccepting && (riskyName.test(key) || isKnownProvider(path))) return true;
    // Counts and switches such as maxTokens are named after a secret, and are none.
    return secretName.test(key) && typeof value !== "number" && typeof value !== "boolean";
  }

  function isKnownProvider([first, second, id, ...more]: readonly string[]): boolean {
    const isProvider = first === "models" && second === "providers" && id !== undefined && more.length === 0;
    return isProvider && (knownProviders.test(id) || mayHaveKey(id));
  }

  /** Of addresses those of new servers alone: elsewhere, one could say where a key of this machine is sent. */
  function mayStand(text: string, path: readonly string[]): boolean {
    return !isAccepting || !text.includes("://") || (path.length > 3 && isServer(path));
  }

  return clean;
}

/** Whether the path leads into a provider or an MCP server, which are taken over as a whole or not at all. */
export function isServer([first, second]: readonly string[]): boolean {
  return (first === "models" && second === "providers") || (first === "mcp" && second === "servers");
}

/** Neither a secret, nor a place on one machine, nor filled in from the variables of one machine. */
function isPlain(text: string): boolean {
  if (text.length > maxTextLength) return false;
  if (absolutePath.test(text) || isLocalUrl(text) || text.includes("${") || text.includes("\0")) return false;
  return !secretValue.test(text) && redactText(text) === text;
}

/** Long words of many kinds of letters, as keys are that have no mark of their own. */
const secretValue =
  /(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])(?![\w+/=-]*[/-][a-z]+[/-])[\w+/=]{32,}(?![\w+/=-])/;

function isLocalUrl(value: unknown): boolean {
  return typeof value === "string" && localUrl.test(value);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
