import type { MeshError } from "./errors.ts";

/**
 * The small grammar that rules and requirements share on the command line: criteria joined by commas, each a key, a
 * separator (`:` or `=`) and a value. A backslash takes the next character literally, and `content:/…/` runs to the
 * closing slash, commas included.
 */

/** One criterion. `value` is null when only the key was given; it keeps its backslashes until {@link unescapeText}. */
export interface Criterion {
  readonly key: string;
  readonly value: string | null;
  /** As typed, for error messages. */
  readonly text: string;
}

const criterionStart = /^\s*(?:\*|[a-z][a-z_-]*\s*[:=>])/i;

/** Cuts `gpu:true,content:/a,b/i` into its criteria; empty ones are kept so that the caller can refuse them. */
export function splitCriteria(text: string): readonly Criterion[] {
  const criteria: Criterion[] = [];
  let start = 0;
  for (;;) {
    const end = endOfCriterion(text, start);
    criteria.push(toCriterion(trimUnescaped(text.slice(start, end))));
    if (end >= text.length) return criteria;
    start = end + 1;
  }
}

/** Cuts at every separator that has no backslash before it. */
export function splitUnescaped(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let part = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\" && at + 1 < text.length) {
      part += char + text.charAt(at + 1);
      at += 1;
    } else if (char === separator) {
      parts.push(part);
      part = "";
    } else {
      part += char;
    }
  }
  return [...parts, part];
}

/** Inverse of {@link unescapeText}; `special` are the characters that mean something at this place. */
export function escapeText(text: string, special: string): string {
  let escaped = "";
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    const isEdgeSpace = /\s/.test(char) && (at === 0 || at === text.length - 1);
    escaped += char === "\\" || special.includes(char) || isEdgeSpace ? `\\${char}` : char;
  }
  return escaped;
}

export function unescapeText(text: string): string {
  return text.replaceAll(/\\([\s\S])/g, "$1");
}

/** How a grammar shows its own spelling and raises its own error. */
interface ValueStyle {
  /** What its examples have between key and value. */
  readonly separator: ":" | "=";
  readonly example: { readonly memory: string };
  readonly invalid: (message: string) => MeshError;
}

/** What reads values that both grammars have; each throws the error of its grammar, naming the criterion. */
export function createValueReaders({ separator, example, invalid }: ValueStyle) {
  const readWord = ({ key, value, text }: Criterion): string => {
    const word = unescapeText(value ?? "");
    if (word === "") throw invalid(`"${text}" lacks its value, as in ${key}${separator}name`);
    return word;
  };
  return {
    readWord,
    /** Words joined by `+`. */
    readWords: (criterion: Criterion): readonly string[] => {
      readWord(criterion);
      return splitUnescaped(criterion.value ?? "", "+").map(unescapeText);
    },
    /** GiB: `32`, `>=32`, `32gb`. */
    readMemory: ({ value, text }: Criterion): number => {
      const parts = /^(?:>=)?\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?:gb)?$/i.exec(value ?? "");
      const gigabytes = Number(parts?.[1]);
      if (Number.isNaN(gigabytes)) throw invalid(`"${text}" must be like ${example.memory} (GiB)`);
      return gigabytes;
    },
  };
}

function endOfCriterion(text: string, start: number): number {
  const pattern = /^\s*content\s*[:=]\s*\//i.exec(text.slice(start));
  if (pattern !== null) {
    const end = endOfPattern(text, start + pattern[0].length);
    if (end !== null) return end;
  }
  for (let at = start; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") at += 1;
    else if (char === ",") return at;
  }
  return text.length;
}

/** The closing slash is the first one that flags and then the end of the text or another criterion follow. */
function endOfPattern(text: string, start: number): number | null {
  for (let at = start; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "\\") {
      at += 1;
    } else if (char === "/") {
      const flags = /^[a-z]*\s*/i.exec(text.slice(at + 1));
      const end = at + 1 + (flags?.[0].length ?? 0);
      if (end >= text.length) return text.length;
      if (text.charAt(end) === "," && criterionStart.test(text.slice(end + 1))) return end;
    }
  }
  return null;
}

function toCriterion(text: string): Criterion {
  const parts = /^([a-z][a-z_-]*|\*)\s*(?:[:=]\s*|(?=>))([\s\S]*)$/i.exec(text);
  if (parts === null) return { key: text.toLowerCase(), value: null, text };
  return { key: (parts[1] ?? "").toLowerCase().replaceAll("_", "-"), value: parts[2] ?? "", text };
}

function trimUnescaped(text: string): string {
  const trimmed = text.trimEnd();
  const backslashes = /\\*$/.exec(trimmed)?.[0].length ?? 0;
  const keepsOne = backslashes % 2 === 1 && trimmed.length < text.length;
  return (keepsOne ? text.slice(0, trimmed.length + 1) : trimmed).trimStart();
}
