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
  }
  for (const [name, secret] of Object.entries(own)) {
    variables[name] = secret.reveal();
    // A short one is a setting such as `1` or `true`.
    if (secret.reveal().length >= minSecretLength || secretName.test(name)) secrets.push(secret);
  }
  return { variables, secrets };
}
