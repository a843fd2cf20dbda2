/** The text, or its beginning with an ellipsis, in at most this many UTF-16 units; no character is cut in two. */
export function textStart(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  return `${text.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
