import { hiddenSecret, Secret } from "./secret.ts";

/** Names of fields, headers, variables and flags whose value is a secret. */
export const secretName =
  /token|secret|passw|passphrase|passwd|authorization|cookie|credential|api[-_]?key|private[-_]?key|invite[-_]?code|session[-_]?key/i;

/** Shorter ones are words that may stand in any text. */
const minKnownLength = 4;

type Instead = string | ((match: string, ...groups: (string | undefined)[]) => string);

/**
 * A secret by its shape, and what is left of it. All are linear in the text: none has two ways to match the same part, and
 * none goes over a part of any length, finds that something is missing behind it, and begins again inside of it. What may
 * be followed by more is therefore taken whole, and put back when nothing followed.
 */
const shapes: readonly (readonly [shape: RegExp, instead: Instead])[] = [
  // A private key in PEM; one that was cut off ends with the text.
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]{0,40}PRIVATE KEY-----|[\s\S]*)/g,
    "-----PRIVATE KEY ***-----",
  ],
  // What claw-mesh makes: API tokens, invites with their pin, node tokens. What lists show of a token is shorter.
  [/\bcm[tin]_[\w-]{9,}(?:\.[\w-]+)?/g, hiddenSecret],
  // Admin tokens of 32 hexadecimal digits; ids have a prefix before theirs.
  [/(?<![\w-])[0-9a-f]{32}(?![\w-])/gi, hiddenSecret],
  [/\b(Bearer|Basic)\s+(?!<)[\w.~+/=*-]{3,}/gi, `$1 ${hiddenSecret}`],
  // User and password of a URL.
  [/(:\/\/)[^\s/@"'<>]{1,1024}@/g, `$1${hiddenSecret}@`],
  // Keys of model providers and of code hosts.
  [/\b(?:sk|pk|rk|zc|hf|gsk|xai|ghp|gho|ghs|glpat|npm|xox[a-z])[-_][\w*.-]{6,}/gi, hiddenSecret],
  [/\bgithub_pat_\w{6,}/g, hiddenSecret],
  [/\bAKIA[0-9A-Z]{12,}|\bAIza[\w-]{20,}/g, hiddenSecret],
  // JSON web tokens.
  [
    /\beyJ[\w-]{8,}(\.[\w-]{8,}(?:\.[\w-]*)?)?/g,
    (word: string, payload: string | undefined) => (payload === undefined ? word : hiddenSecret),
  ],
  // `claw_mesh_session=…`, `?token=…`, `--gateway-token=…`, `"api_key":"…"`, `x-api-key: …`
  [
    /((?:token|secret|password|passwd|passphrase|api[-_]?key|claw_mesh_session|signature)"?\s?=\s?"?)(?![<"$*])[^\s"'&;,<>]+/gi,
    `$1${hiddenSecret}`,
  ],
  [
    /((?:token|secret|password|passwd|passphrase|api[-_]?key|authorization|cookie)["']\s{0,4}:\s{0,4}["'])[^"']+/gi,
    `$1${hiddenSecret}`,
  ],
  [
    /(\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api-key)\s?:\s{0,4})(?![\s<"'*])(?!Bearer |Basic )[^\r\n]+/gi,
    `$1${hiddenSecret}`,
  ],
];

/**
 * What no shape can match, so that big answers full of ids and short words cost little: our own ids, and up to 15
 * characters without what all shorter shapes have.
 */
const harmless = /^(?:[a-z]{3,6}_[0-9a-f]{32}|(?!.*(?:bearer|basic))[^_\-:=/@]{0,15}|[a-z]+-\d{1,5})$/i;

/**
 * A text without what looks like a secret, and without the ones that are known; `***` stands in their place. For
 * everything that leaves as log, event, error, fault report or support bundle. It is the last net, not the first: secrets
 * are of the class Secret, and do not come into texts.
 * @param known given by the caller because a secret that a person chose has no shape; those under 4 characters stay
 */
export function redactText(text: string, known: readonly Secret[] = []): string {
  if (known.length === 0 && harmless.test(text)) return text;
  let clean = text;
  for (const secret of known) {
    const word = secret.reveal();
    if (word.length >= minKnownLength) clean = clean.replaceAll(word, hiddenSecret);
  }
  for (const [shape, instead] of shapes) {
    clean = typeof instead === "string" ? clean.replace(shape, instead) : clean.replace(shape, instead);
  }
  return clean;
}

/** Decisions inside of errors have 6. */
const maxDepth = 16;

/** Any value as JSON can carry it, every text in it redacted, and the values of fields with a secret's name hidden. */
export function redactValue(value: unknown, known: readonly Secret[] = [], depth = 0): unknown {
  if (typeof value === "string") return redactText(value, known);
  if (value instanceof Secret) return hiddenSecret;
  if (value instanceof Error) {
    const code = "code" in value && value.code !== undefined ? { code: value.code } : {};
    return { name: value.name, ...code, message: redactText(value.message, known) };
  }
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) return "…";
  if (Array.isArray(value)) return value.map((item) => redactValue(item, known, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, field]) => [
      key,
      isSecretField(key, field) ? hiddenSecret : redactValue(field, known, depth + 1),
    ]),
  );
}

/** Numbers and flags that are named after a secret, such as `has_token`, are none. */
function isSecretField(key: string, field: unknown): boolean {
  if (!secretName.test(key)) return false;
  return typeof field === "string" || (typeof field === "object" && field !== null);
}
