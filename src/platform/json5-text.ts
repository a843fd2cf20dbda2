import { maxJsonDepth } from "../protocol/json-text.ts";

/**
 * The value of a JSON5 text; undefined when it is none, or nests deeper than {@link maxJsonDepth}. Brackets in strings and
 * comments count, too.
 */
export function parseJson5Text(text: string): unknown {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x5b || unit === 0x7b) depth += 1;
    else if (unit === 0x5d || unit === 0x7d) depth = Math.max(0, depth - 1);
    if (depth > maxJsonDepth) return undefined;
  }
  try {
    return Bun.JSON5.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
