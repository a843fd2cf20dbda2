import { type Clock, delay } from "../../platform/clock.ts";
import { rotateLog } from "./gateway-log.ts";

/** A gateway that floods its log writes as much beyond its limit as the disk takes in this time. */
const rotateEveryMs = 1_000;

interface RotationOptions {
  readonly clock: Clock;
  /** Whether it is this process that does it. */
  readonly isMine: () => boolean;
  readonly signal: AbortSignal;
}

/** Keeps a log small until the signal. */
export async function rotateRegularly(
  path: string,
  { clock, isMine, signal }: RotationOptions,
): Promise<void> {
  while (!signal.aborted) {
    if (isMine()) await rotateLog(path);
    await delay(clock, rotateEveryMs, signal);
  }
}
