import { parseDocument } from "yaml";

/** Characters of a front matter, or of a skills.yaml. */
export const maxYamlLength = 32 * 1024;

/** How deep lists and maps may be in each other. */
const maxDepth = 24;

/** `? key`: nobody writes it by hand, and a few hundred in a row keep a parser busy for ever. */
const explicitKey = /(?:^|[[{,\-:?])[ \t]*\?(?:[ \t]|$)/m;

/** `- - - - -`: one line that nests without end. */
const stackedItems = /(?:[-:][ \t]{1,8}){9}/;

/**
 * The value of a small YAML text of a person; undefined when it is none, too large, or made to keep a parser busy. No
 * aliases: a few lines of them can stand for gigabytes. No own tags either: they are text.
 */
export function parseSimpleYaml(text: string): unknown {
  if (text.length > maxYamlLength || isTooDeep(text) || explicitKey.test(text) || stackedItems.test(text)) {
    return undefined;
  }
  try {
    const document = parseDocument(text, { logLevel: "silent", schema: "core", merge: false });
    return document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 0 });
  } catch {
    // An alias, or a form that the parser gives up on: no YAML to us.
    return undefined;
  }
}

/** By brackets, wherever they stand, and by indentation. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth = Math.max(0, depth - 1);
    if (depth > maxDepth) return true;
  }
  return levelsOf(text) > maxDepth;
}

/** Most different indentations that one line stands below. */
function levelsOf(text: string): number {
  const open: number[] = [];
  let most = 0;
  for (const line of text.split("\n")) {
    const indent = line.search(/\S/);
    if (indent === -1) continue;
    while ((open.at(-1) ?? -1) >= indent) open.pop();
    open.push(indent);
    most = Math.max(most, open.length);
  }
  return most;
}
