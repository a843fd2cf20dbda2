import type { Clock } from "./clock.ts";

interface BoundedWait<T> {
  readonly clock: Clock;
  readonly limitMs: number;
  /** What counts as the result when the limit is reached first; the promise is not waited for any more then. */
  readonly otherwise: T;
}

/** The promise's value, or another one after the limit; leaves no timer behind. */
export async function waitAtMost<T>(
  promise: Promise<T>,
  { clock, limitMs, otherwise }: BoundedWait<T>,
): Promise<T> {
  const late = Promise.withResolvers<T>();
  const cancel = clock.after(limitMs, () => late.resolve(otherwise));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
