/** Escape sequences that steer a terminal: CSI, OSC and its kin, and the rest of ECMA-48. */
const escapeSequence = new RegExp(
  [
    String.raw`\x1b\[[0-?]*[ -/]*[@-~]`,
    String.raw`\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)`,
    String.raw`\x1b[ -/]*[0-~]`,
  ].join("|"),
  "g",
);
const controlExceptLayout = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;
const anyControl = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu;

/** Text of other machines made safe to print: line breaks and tabs stay, whatever steers the terminal goes. */
export function toSafeText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(escapeSequence, "").replace(controlExceptLayout, "");
}

/** As {@link toSafeText}, on one line: names, reasons, table cells. */
export function toSafeLine(text: string): string {
  return text.replace(escapeSequence, "").replace(anyControl, " ").trim();
}
