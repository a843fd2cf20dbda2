/**
 * How much of a message is read for terms and patterns, in UTF-16 code units: 16 KiB. What a message is about stands
 * near its beginning; a pasted log after it must not cost milliseconds per rule.
 */
export const maxScannedLength = 16 * 1024;

/** One place where a term was found, with what the term stands for. */
export interface TermHit<T> {
  readonly term: string;
  readonly value: T;
}

/** Finds many terms in one pass over a text. */
export interface TermMatcher<T> {
  readonly size: number;
  /**
   * Each term at most once, in the order of the text. Reads the first {@link maxScannedLength} code units, or so many;
   * 1 Mi takes about 20 ms.
   */
  readonly find: (text: string, maxLength?: number) => readonly TermHit<T>[];
}

interface TrieNode<T> {
  /** By code unit; null on leaves. */
  next: Map<number, TrieNode<T>> | null;
  hits: TermHit<T>[] | null;
}

const noHits: readonly never[] = [];
const space = 0x20;

/**
 * Builds a matcher of terms. Case does not count; a space in a term stands for any run of spaces, dashes and
 * underscores. A term that begins or ends with a letter of an alphabet must begin or end there at a word border; Chinese,
 * Japanese and Korean have no such borders, so terms of theirs are found anywhere.
 */
export function createTermMatcher<T>(
  terms: Iterable<{ readonly term: string; readonly value: T }>,
): TermMatcher<T> {
  const root: TrieNode<T> = { next: null, hits: null };
  let size = 0;
  for (const { term, value } of terms) {
    const key = normalizeTerm(term);
    if (key === "") continue;
    let node = root;
    for (let index = 0; index < key.length; index++) node = childOf(node, key.charCodeAt(index));
    node.hits ??= [];
    node.hits.push({ term, value });
    size++;
  }
  return {
    size,
    find: (text, maxLength = maxScannedLength) =>
      size === 0 ? noHits : findTerms(root, text.length > maxLength ? text.slice(0, maxLength) : text),
  };
}

/** Lower case, with runs of spaces, dashes and underscores as one space. */
export function normalizeTerm(term: string): string {
  return term
    .toLowerCase()
    .replace(/[\s_-]+/g, " ")
    .trim();
}

/** Whether a text has a character of a script that is written without spaces. */
export function hasUnspacedScript(text: string): boolean {
  return /[\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ud840-\ud8ff]/.test(text);
}

function childOf<T>(node: TrieNode<T>, code: number): TrieNode<T> {
  node.next ??= new Map();
  let child = node.next.get(code);
  if (child === undefined) {
    child = { next: null, hits: null };
    node.next.set(code, child);
  }
  return child;
}

function findTerms<T>(root: TrieNode<T>, text: string): readonly TermHit<T>[] {
  const scanned = text.toLowerCase();
  const starts = root.next;
  let found: TermHit<T>[] | null = null;
  let isInsideWord = false;
  for (let index = 0; index < scanned.length; index++) {
    const code = scanned.charCodeAt(index);
    const isLetter = isWordCode(code);
    if (!(isLetter && isInsideWord)) {
      const node = starts?.get(code);
      if (node !== undefined) found = collectFrom(node, scanned, { at: index, found });
    }
    isInsideWord = isLetter;
  }
  return found ?? noHits;
}

/** Follows the text from a first character; adds the terms that end on the way. */
function collectFrom<T>(
  first: TrieNode<T>,
  text: string,
  start: { readonly at: number; readonly found: TermHit<T>[] | null },
): TermHit<T>[] | null {
  let node: TrieNode<T> | undefined = first;
  let last = text.charCodeAt(start.at);
  let index = start.at + 1;
  let found = start.found;
  while (node !== undefined) {
    if (node.hits !== null && !(isWordCode(last) && isWordCode(text.charCodeAt(index)))) {
      found ??= [];
      for (const hit of node.hits) if (!found.includes(hit)) found.push(hit);
    }
    if (node.next === null || index >= text.length) return found;
    last = text.charCodeAt(index++);
    if (isSeparator(last)) {
      while (isSeparator(text.charCodeAt(index))) index++;
      last = space;
    }
    node = node.next.get(last);
  }
  return found;
}

function isSeparator(code: number): boolean {
  return code === space || code === 0x2d || code === 0x5f || (code >= 0x09 && code <= 0x0d) || code === 0xa0;
}

/** Letters and digits of scripts that put spaces between words. NaN (past the end of a text) is none. */
function isWordCode(code: number): boolean {
  if (code < 0x80) return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
  return (code >= 0xc0 && code < 0x2000) || (code >= 0x2c00 && code < 0x2e00);
}
