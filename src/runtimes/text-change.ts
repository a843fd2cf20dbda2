import type { RunChunk } from "./runtime.ts";

/** The chunk that turns one text into another, keeping what both begin with; null when they are equal. */
export function matchText(from: string, to: string): RunChunk | null {
  if (from === to) return null;
  if (to.startsWith(from)) return { offset: from.length, text: to.slice(from.length) };
  let offset = 0;
  while (offset < from.length && offset < to.length && from.charCodeAt(offset) === to.charCodeAt(offset)) {
    offset += 1;
  }
  // Never between the two halves of a character beyond the basic plane.
  if (offset > 0 && isHighSurrogate(from.charCodeAt(offset - 1))) offset -= 1;
  return { offset, text: to.slice(offset) };
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
