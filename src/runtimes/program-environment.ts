import type { Environment } from "../platform/environment.ts";
import { secretName } from "../protocol/redact-text.ts";
import { Secret } from "../protocol/secret.ts";

/** What a program is started with, and which of it may appear in no text. */
export interface ProgramEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  readonly secrets: readonly Secret[];
}

/**
 * `safe`: what any program needs to find its way, and nothing that may be a key. `all`: everything of the node agent but
 * its own variables, for agents that take the keys of their providers from the environment.
 */
export type Inheritance = "safe" | "all";

/** Variables of this program; some are keys of the mesh. */
const ownVariable = /^CLAW_MESH_/i;

const safeVariable =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|TMP|TEMP|XDG_[A-Z_]+|(?:HTTPS?|ALL|NO)_PROXY|SSL_CERT_(?:FILE|DIR)|NODE_EXTRA_CA_CERTS|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA|PROGRAMFILES(?:\(X86\))?)$/i;

/** Shorter values are words that may stand in any text. */
const minSecretLength = 8;

/** User and password of a URL: of a proxy, which may be without its scheme, or of a database. */
const urlLogin = /^[a-z][a-z\d+.-]*:\/\/([^\s/?#]*)@/i;
const proxyLogin = /^([^\s/?#]*)@/;
const proxyName = /_PROXY$/i;

/** Variables of the settings come last: they replace inherited ones of the same name. */
export function toProgramEnvironment(
  inherited: Environment,
  { own, inherits }: { readonly own: Readonly<Record<string, Secret>>; readonly inherits: Inheritance },
): ProgramEnvironment {
  const variables: Record<string, string> = {};
  const secrets: Secret[] = [];
  for (const [name, value] of Object.entries(inherited)) {
    if (value === undefined || ownVariable.test(name)) continue;
    if (inherits === "safe" && !safeVariable.test(name)) continue;
    variables[name] = value;
    if (secretName.test(name) && value.length >= minSecretLength) secrets.push(new Secret(value));
    secrets.push(...findLogin(name, value));
  }
  for (const [name, secret] of Object.entries(own)) {
    const value = secret.reveal();
    variables[name] = value;
    // A short one is a setting such as `1` or `true`.
    if (value.length >= minSecretLength || secretName.test(name)) secrets.push(secret);
    secrets.push(...findLogin(name, value));
  }
  return { variables, secrets };
}

/** Programs tell of a proxy that refused them in words of their own, with what was in the URL, or with what it stands for. */
function findLogin(name: string, value: string): readonly Secret[] {
  const login = (urlLogin.exec(value) ?? (proxyName.test(name) ? proxyLogin.exec(value) : null))?.[1];
  if (login === undefined) return [];
  const colon = login.indexOf(":");
  const user = colon === -1 ? login : login.slice(0, colon);
  const word = colon === -1 ? "" : login.slice(colon + 1);
  const texts = [login, ...(user.length >= minSecretLength ? [user] : []), word];
  const spellings = new Set(texts.flatMap((text) => [text, decodeSafely(text)]));
  return [...spellings].filter((text) => text !== "").map((text) => new Secret(text));
}

function decodeSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray `%` stands for itself.
    return text;
  }
}

/** A program for people: an argument may be a key, and most of those have no shape that would tell. */
export function describeProgram([program = "", ...given]: readonly string[]): string {
  if (given.length === 0) return program;
  return `${program} (${given.length} ${given.length === 1 ? "argument" : "arguments"})`;
}
