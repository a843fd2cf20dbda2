import type { Random } from "../platform/random.ts";

/** Length of the first step. */
export const firstBackoffMs = 250;

/** Cap until a `welcome` names another. */
export const defaultBackoffCapMs = 2_000;

/**
 * How long to wait before the try after `failures` (from 1) that failed in a row: steps double from 0.25 s up to the
 * cap. A wait lasts between 0.5 and 0.9 of its step, so that nodes spread and a cap of 2 s still means "back within 2 s".
 */
export function nextBackoffMs(failures: number, capMs: number, random: Random): number {
  const stepMs = Math.min(capMs, firstBackoffMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return stepMs * (0.5 + 0.4 * random.next());
}
