/** How deep objects and arrays in each other may be in a text from outside. Nothing of the protocol has ten levels. */
export const maxJsonDepth = 64;

/** Characters of a string that are looked at one by one before a native search, which costs more to begin, goes on. */
const stepsBeforeSearch = 32;

/**
 * `JSON.parse` for texts from outside: one that nests deeper than {@link maxJsonDepth} costs the parser tens of times
 * the memory of its length, and is refused before it is parsed. Throws SyntaxError, as `JSON.parse` does.
 */
export function parseJsonText(text: string): unknown {
  if (text.length > maxJsonDepth && hasManyOpenings(text) && isTooDeep(text)) {
    throw new SyntaxError(`The text nests deeper than ${maxJsonDepth} levels.`);
  }
  return JSON.parse(text);
}

/** Whether it can be too deep at all: of most texts, native searches tell quickly that it cannot. */
function hasManyOpenings(text: string): boolean {
  let left = maxJsonDepth;
  for (const opening of ["[", "{"]) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      if (left === 0) return true;
      left -= 1;
    }
  }
  return false;
}

/** Right for valid JSON; in other texts, up to the place where the parser gives up. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = endOfString(text, at);
        break;
      case 0x5b:
      case 0x7b:
        depth += 1;
        if (depth > maxJsonDepth) return true;
        break;
      case 0x5d:
      case 0x7d:
        depth -= 1;
        break;
    }
  }
  return false;
}

/**
 * Commas and openings outside strings: what a parser makes of them costs tens of times their length, where a text that is
 * mostly strings costs hardly more than its own.
 */
export function countParts(text: string): number {
  let parts = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) at = endOfString(text, at);
    else if (unit === 0x2c || unit === 0x5b || unit === 0x7b) parts += 1;
  }
  return parts;
}

/** @returns index of the quote that ends the string which begins at `start`; the length of the text when none does */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const stepsEnd = Math.min(at + stepsBeforeSearch, text.length);
    while (at < stepsEnd) {
      const unit = text.charCodeAt(at);
      if (unit === 0x22) return at;
      at += unit === 0x5c ? 2 : 1;
    }
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let slashes = quote;
    while (slashes > at && text.charCodeAt(slashes - 1) === 0x5c) slashes -= 1;
    if ((quote - slashes) % 2 === 0) return quote;
    at = quote + 1;
  }
  return text.length;
}
