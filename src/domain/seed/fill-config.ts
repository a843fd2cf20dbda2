import type { JsonObject } from "./shareable-config.ts";

/** A key that one configuration lacks, and the object it belongs into. */
export interface MissingKey {
  /** Keys from the outermost object; empty: the configuration itself. */
  readonly path: readonly string[];
  readonly key: string;
  readonly value: unknown;
}

/** What of the given configuration is not in the own one. What is there has the last word; lists as a whole. */
export function findMissingKeys(
  own: JsonObject,
  given: JsonObject,
  path: readonly string[] = [],
): readonly MissingKey[] {
  return Object.entries(given).flatMap(([key, value]): readonly MissingKey[] => {
    // No setting: to assign it would change what an object is.
    if (key === "__proto__") return [];
    if (!Object.hasOwn(own, key)) return [{ path, key, value }];
    const here = own[key];
    return isObject(here) && isObject(value) ? findMissingKeys(here, value, [...path, key]) : [];
  });
}

/** The configuration with these keys; the objects that they belong into are there. */
export function withKeys(own: JsonObject, missing: readonly MissingKey[]): JsonObject {
  const filled = structuredClone(own) as Record<string, unknown>;
  for (const { path, key, value } of missing) {
    let here = filled;
    for (const step of path) here = here[step] as Record<string, unknown>;
    here[key] = value;
  }
  return filled;
}

/**
 * The JSON5 text with these keys at the beginning of their objects; all else, comments too, stays byte for byte. null: an
 * object was not found, as when the same key stands twice. Compare what it parses to with {@link withKeys} before use.
 */
export function insertKeys(text: string, missing: readonly MissingKey[]): string | null {
  const objects = findObjects(text);
  const inserts = new Map<number, string[]>();
  for (const { path, key, value } of missing) {
    const place = objects.get(JSON.stringify(path));
    if (place === undefined || place === null) return null;
    const indent = "  ".repeat(path.length + 1);
    const lines = JSON.stringify(value, null, 2).replaceAll("\n", `\n${indent}`);
    const parts = inserts.get(place.at) ?? [];
    parts.push(`\n${indent}${JSON.stringify(key)}: ${lines}`);
    inserts.set(place.at, parts);
  }
  const isEmptyAt = new Map(
    [...objects.values()].flatMap((place) => (place === null ? [] : [[place.at, place.isEmpty]])),
  );
  let result = text;
  for (const [at, parts] of [...inserts].toSorted(([a], [b]) => b - a)) {
    result = `${result.slice(0, at)}${parts.join(",")}${isEmptyAt.get(at) === true ? "\n" : ","}${result.slice(at)}`;
  }
  return result;
}

interface ObjectPlace {
  /** Behind its opening brace. */
  readonly at: number;
  readonly isEmpty: boolean;
}

/** Strings, comments, punctuation and all other words of JSON5; each matches at a different first character. */
const token =
  /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/|[{}[\]:,]|[^\s{}[\]:,"'/]+|\s+|\//g;

/** Where the objects begin that are reached by keys alone; null for a path that is there twice. */
function findObjects(text: string): ReadonlyMap<string, ObjectPlace | null> {
  const objects = new Map<string, ObjectPlace | null>();
  /** The way to here: keys of objects; null for a list, which nothing is inserted into. */
  const open: { readonly path: readonly string[] | null; key: string | null; readonly isObject: boolean }[] =
    [];
  let word: string | null = null;
  const words = [...text.matchAll(token)].filter(([match]) => !/^(?:\s|\/\/|\/\*)/.test(match));
  for (const [index, match] of words.entries()) {
    const [part] = match;
    const parent = open.at(-1);
    if (part === "{" || part === "[") {
      const isObject = part === "{";
      const path =
        parent === undefined
          ? []
          : parent.isObject && parent.path !== null && parent.key !== null
            ? [...parent.path, parent.key]
            : null;
      if (isObject && path !== null) {
        const name = JSON.stringify(path);
        const place = { at: match.index + 1, isEmpty: words[index + 1]?.[0] === "}" };
        objects.set(name, objects.has(name) ? null : place);
      }
      open.push({ path: isObject ? path : null, key: null, isObject });
    } else if (part === "}" || part === "]") open.pop();
    else if (part === ":" && parent !== undefined) parent.key = word === null ? null : toKey(word);
    else if (part === "," && parent !== undefined) parent.key = null;
    word = part;
  }
  return objects;
}

/** null for one that is written with escapes: it is not looked for. */
function toKey(word: string): string | null {
  if (word.includes("\\")) return null;
  return /^["']/.test(word) ? word.slice(1, -1) : word;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
