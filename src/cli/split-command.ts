/**
 * A program and its arguments as a person writes them: words between blanks, with '…' and "…" around those that hold some,
 * and \ before a character that means itself. No shell reads it: nothing else has a meaning.
 * @returns null when a quotation does not end, or there is no word
 */
export function splitCommand(text: string): readonly string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    const next = text[at + 1];
    if (quote !== null && char === quote) quote = null;
    else if (quote !== "'" && char === "\\" && next !== undefined && mayEscape(next, quote)) {
      word = (word ?? "") + next;
      at += 1;
    } else if (quote !== null) word = (word ?? "") + char;
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + char;
  }
  if (quote !== null) return null;
  if (word !== null) words.push(word);
  return words.length === 0 || words[0] === "" ? null : words;
}

/** Before anything else a backslash is one, so that the paths of Windows can be written as they are. */
function mayEscape(next: string, quote: '"' | null): boolean {
  return next === '"' || next === "\\" || (quote === null && (next === "'" || /\s/.test(next)));
}
