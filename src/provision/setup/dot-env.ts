import type { Secret } from "../../protocol/secret.ts";
import { badKey } from "./bad-key.ts";

const assignment = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/;

/** Whether a file of variables gives this one a value that is not empty. */
export function hasVariable(text: string, name: string): boolean {
  return text.split(/\r?\n/).some((line) => {
    const match = assignment.exec(line);
    return match?.[1] === name && !/^(?:""|''|"|')?\s*(?:#.*)?$/.test(line.slice(match[0].length).trim());
  });
}

/**
 * The text with this variable set; its other lines and their ends stay as they are, an earlier value of it goes.
 * @throws MeshError USAGE for a key that such a file cannot hold
 */
export function setVariable(text: string, name: string, key: Secret): string {
  const lines = text.split(/\r?\n/).filter((line) => assignment.exec(line)?.[1] !== name);
  while (lines.at(-1) === "") lines.pop();
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  return [...lines, `${name}=${toQuoted(key)}`, ""].join(end);
}

function toQuoted(key: Secret): string {
  const text = key.reveal();
  if (/^[\w.~+/=:@-]+$/.test(text)) return text;
  if (/^[ -&(-~]+$/.test(text)) return `'${text}'`;
  throw badKey();
}
