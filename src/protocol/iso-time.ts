import { z } from "zod";

/** The years 0 to 9999 in UTC: what RFC 3339, and so every time on the wire, can name. */
const earliestMs = -62_167_219_200_000;
const latestMs = 253_402_300_799_999;

/**
 * Writes an instant that the caller holds as the wire wants it (RFC 3339, UTC). Reads no clock. What lies beyond the years
 * that the wire can name becomes the nearest instant within them.
 */
export function toIsoTime(epochMs: number): string {
  // biome-ignore lint/style/noRestrictedGlobals: formats a given instant; the ban is about reading the clock
  return new Date(Math.min(Math.max(epochMs, earliestMs), latestMs)).toISOString();
}

/** NaN when the text is no time. */
export function fromIsoTime(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: parses a given text; the ban is about reading the clock
  return Date.parse(text);
}

/** A moment as a client names it, with its zone: `2026-11-22T16:00:00+01:00`. In UTC, too, the wire can name it. */
export const Moment = z.iso.datetime({ offset: true }).refine((text) => {
  const epochMs = fromIsoTime(text);
  return epochMs >= earliestMs && epochMs <= latestMs;
}, "is in no year between 0 and 9999, told in UTC");
