import { type ErrorCode, MeshError } from "../../protocol/errors.ts";
import { nearestName } from "./nearest-name.ts";

/** One `key:value` of a rule or requirement text. The value is as written, escapes included. */
export interface TextCondition {
  readonly key: string;
  /** null: the key stood alone, as in `gpu`. */
  readonly value: string | null;
}

/**
 * Splits `gpu:true,os=darwin,content:/a,b/i` at its commas. Not at those inside `/…/`, and not at escaped ones: a
 * backslash takes the meaning from the character after it.
 */
export function splitConditions(text: string): readonly TextCondition[] {
  return splitOutside(text, ",")
    .map((part) => trimUnescaped(part))
    .filter((part) => part !== "")
    .map(toCondition);
}

/** Splits a list value such as `docker+python`; takes the escapes away. */
export function splitList(value: string): readonly string[] {
  return splitOutside(value, "+").map((part) => unescapeText(trimUnescaped(part)));
}

const special = /[\\,+]|^[\s/]|\s$/g;

/** Makes a value safe to stand in a condition. */
export function escapeText(value: string): string {
  return value.replace(special, (character) => `\\${character}`);
}

export function unescapeText(value: string): string {
  return value.replace(/\\(.)/gsu, "$1");
}

/** Where the `/` that ends a pattern stands, seen from its first `/`; -1 when it is missing. */
export function endOfPattern(text: string, start: number): number {
  let isInClass = false;
  for (let index = start + 1; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === "[") isInClass = true;
    else if (character === "]") isInClass = false;
    else if (character === "/" && !isInClass) return index;
  }
  return -1;
}

/** The error for a key that nobody knows, with the key that was likely meant. */
export function unknownKey(key: string, known: readonly string[], code: ErrorCode): MeshError {
  const nearest = nearestName(key, known);
  return new MeshError(code, `unknown condition "${key}"`, {
    hint: nearest === null ? `The conditions are: ${known.join(", ")}.` : `Did you mean "${nearest}"?`,
  });
}

/** The error for a key that may stand only once. */
export function givenTwice(key: string, code: ErrorCode): MeshError {
  return new MeshError(code, `"${key}" is given twice`, { hint: "Give each condition once." });
}

/** `true`, `yes` or nothing after `gpu`. Throws for anything else. */
export function parseFlag({ key, value }: TextCondition, code: ErrorCode): true {
  if (value === null || /^(true|yes|1)$/i.test(value)) return true;
  throw new MeshError(code, `"${key}" can only be true, not "${value}"`, {
    hint: `Write ${key}, or leave it out.`,
  });
}

/** `>=32`, `32`, `32GB`: GiB. */
export function parseMemoryGb(value: string, code: ErrorCode): number {
  const number = /^(?:>=)?\s*(\d+(?:\.\d+)?)\s*(?:g|gb|gib)?$/i.exec(value)?.[1];
  if (number !== undefined && Number(number) > 0) return Number(number);
  throw new MeshError(code, `"${value}" is not an amount of memory`, { hint: "Write memory>=32, in GiB." });
}

/** The value of a key that needs one, escapes taken away. */
export function parseValue({ key, value }: TextCondition, code: ErrorCode): string {
  const text = value === null ? "" : unescapeText(value);
  if (text !== "") return text;
  throw new MeshError(code, `"${key}" needs a value`, { hint: `Write ${key}:<value>.` });
}

function toCondition(part: string): TextCondition {
  const found = /^([\p{L}_-]+)\s*(?:([:=])|(?=>=))\s*(.*)$/su.exec(part);
  if (found === null) return { key: part.toLowerCase(), value: null };
  return { key: (found[1] ?? "").toLowerCase(), value: found[3] ?? "" };
}

function splitOutside(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === separator) {
      parts.push(text.slice(start, index));
      start = index + 1;
    } else if (character === "/" && startsPattern(text, start, index)) {
      const end = endOfPattern(text, index);
      if (end > 0) index = end;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** A pattern begins right after `content:`; a slash anywhere else is just a slash. */
function startsPattern(text: string, start: number, index: number): boolean {
  return /^\s*content\s*[:=]\s*$/i.test(text.slice(start, index));
}

function trimUnescaped(text: string): string {
  return text.trimStart().replace(/(?<!\\)(\\\\)*\s+$/u, "$1");
}
