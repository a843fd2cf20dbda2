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
  "tools",
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

/** What a machine may take over of what it was given: all that {@link toShareableConfig} leaves out, and more, is left out. */
export function toAcceptableConfig(given: unknown): JsonObject {
  return pick(given, acceptedKeys, createCleaner({ isAccepting: true }));
}

type Clean = (value: unknown, key: string, depth: number) => unknown;

function pick(config: unknown, keys: readonly string[], clean: Clean): JsonObject {
  if (!isObject(config)) return {};
  return Object.fromEntries(
    keys
      .filter((key) => Object.hasOwn(config, key))
      .map((key) => [key, clean(config[key], key, 1)] as const)
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
  /^(?:command|commands|cmd|args|argv|script|scripts|exec|shell|run|elevated|sandbox|allow.*|deny|approval.*|permission.*|trust.*|security|ask|hooks?|plugins?|install.*|load|loader.*|gateway|channels)$/i;

const absolutePath = /^(?:\/(?!\/)|~(?:[/\\]|$)|[A-Za-z]:[\\/]|\\\\|file:|\.{1,2}[/\\])/;
const localUrl =
  /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@\s]*@)?(?:localhost|127\.|0\.|\[::1?\]|host\.docker\.internal|[^/:]*\.localhost)/i;

function createCleaner({ isAccepting }: { readonly isAccepting: boolean }): Clean {
  let left = maxValues;

  function clean(value: unknown, key: string, depth: number): unknown {
    left -= 1;
    if (left < 0 || depth > maxDepth || isClosed(key, value)) return undefined;
    if (typeof value === "string") return isPlain(value) ? value : undefined;
    if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
    if (typeof value === "boolean" || value === null) return value;
    if (Array.isArray(value)) {
      return value.map((item) => clean(item, "", depth + 1)).filter((item) => item !== undefined);
    }
    return isObject(value) ? cleanObject(value, depth) : undefined;
  }

  function cleanObject(object: JsonObject, depth: number): JsonObject | undefined {
    // A server that only this machine reaches, or that is a program: without its address nothing is left of it.
    if (["baseUrl", "url"].some((name) => isLocalUrl(object[name]))) return undefined;
    if (isAccepting && typeof object.command === "string") return undefined;
    // A reference to a secret: {source, provider, id}.
    if (typeof object.source === "string" && typeof object.id === "string") return undefined;
    const entries = Object.entries(object)
      .filter(([key]) => isPlain(key))
      .map(([key, value]) => [key, clean(value, key, depth + 1)] as const)
      .filter(([, value]) => value !== undefined);
    // One of which nothing is left says nothing, and might stand where something is needed.
    return entries.length === 0 && Object.keys(object).length > 0 ? undefined : Object.fromEntries(entries);
  }

  function isClosed(key: string, value: unknown): boolean {
    if (closedName.test(key) || machineName.test(key)) return true;
    if (isAccepting && riskyName.test(key)) return true;
    // Counts and switches such as maxTokens are named after a secret, and are none.
    return secretName.test(key) && typeof value !== "number" && typeof value !== "boolean";
  }

  return clean;
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
