import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import { readCommandOutput } from "../platform/quick-command.ts";

export interface ProgramVersionDeps {
  readonly env: Environment;
  readonly clock: Clock;
  /** Default: long enough for a busy machine. */
  readonly limitMs?: number;
}

/** Longest time for `--version` where something depends on it; npm takes seconds on a small or busy machine. */
const versionLimitMs = 8_000;

/** Longest time for it where it is only told. */
export const shownVersionLimitMs = 2_500;

const versionPattern = /\bv?(\d{1,10}\.\d{1,10}(?:\.\d{1,10})?(?:[-+][0-9A-Za-z.+-]{1,64})?)/;

/**
 * The version that a known program tells on `--version`, without a leading `v`; null when it tells none in time. For programs
 * only whose `--version` is known to do nothing else.
 */
export async function readProgramVersion(
  command: readonly string[],
  { env, clock, limitMs = versionLimitMs }: ProgramVersionDeps,
): Promise<string | null> {
  const output = await readCommandOutput([...command, "--version"], { limitMs, env, clock });
  return output === null ? null : matchVersion(output);
}

/** Whether both name the same release; a `v` in front and what stands behind `+` tell nothing about it. */
export function isSameVersion(one: string, other: string): boolean {
  const bare = (version: string) => version.replace(/^v/, "").replace(/\+.*$/, "");
  return bare(one) === bare(other);
}

/** The first version in what a program printed: `zeroclaw 0.8.4`, `OpenClaw 2026.9.6 (abc)`, `v24.16.0`. */
export function matchVersion(output: string): string | null {
  return versionPattern.exec(output)?.[1] ?? null;
}
