/** Writes an instant that the caller holds as the wire wants it (RFC 3339, UTC). Reads no clock. */
export function toIsoTime(epochMs: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: formats a given instant; the ban is about reading the clock
  return new Date(epochMs).toISOString();
}

/** NaN when the text is no time. */
export function fromIsoTime(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: parses a given text; the ban is about reading the clock
  return Date.parse(text);
}
