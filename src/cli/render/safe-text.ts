import { replaceSteering } from "../../protocol/steering.ts";

/** Escape sequences that steer a terminal: CSI, OSC and its kin, and the rest of ECMA-48, with 7 bits and with 8. */
const escapeSequence = new RegExp(
  [
    String.raw`(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]`,
    // One without an end is text to be seen: it must not take away what stands behind it.
    String.raw`(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]{0,1024}(?:\x07|\x1b\\|\x9c)`,
    String.raw`\x1b[ -/]{0,8}[0-~]`,
  ].join("|"),
  "g",
);

/** Text of other machines made safe to print: line breaks and tabs stay, whatever steers the terminal or is hidden goes. */
export function toSafeText(text: string): string {
  return replaceSteering(text.replaceAll("\r\n", "\n").replace(escapeSequence, ""), toShown);
}

function toShown(character: string): string {
  if (character === "\n" || character === "\t") return character;
  if (character === "\u2028" || character === "\u2029") return "\n";
  return /\p{Cs}/u.test(character) ? "\ufffd" : "";
}

/** As {@link toSafeText}, on one line: names, reasons, table cells. */
export function toSafeLine(text: string): string {
  return toSafeText(text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, " ")).trim();
}

/** Colours as `paint.ts` sets them. */
const colour = new RegExp(["(", String.raw`\x1b\[`, "(?:1|2|22|31|32|33|36|39)m)"].join(""));

/** The last look at a text before it is printed: of what steers a terminal only our own colours are left. */
export function toPrintable(text: string, hasColour: boolean): string {
  if (!hasColour) return toSafeText(text);
  return text
    .split(colour)
    .map((part, index) => (index % 2 === 1 ? part : toSafeText(part)))
    .join("");
}
