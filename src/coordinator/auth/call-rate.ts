import type { Clock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";

const minuteMs = 60_000;

/** What adding up parts may lack of a whole call. */
const roundingSlack = 1e-6;

/** What a token may still call: a bucket that holds a minute's calls and fills evenly. */
export interface CallRate {
  /** Takes one; throws RATE_LIMITED when there is none. */
  readonly take: () => void;
}

export function createCallRate(perMinute: number, clock: Pick<Clock, "monotonicMs">): CallRate {
  let left = perMinute;
  let countedAtMs = clock.monotonicMs();

  return {
    take: () => {
      const nowMs = clock.monotonicMs();
      left = Math.min(perMinute, left + ((nowMs - countedAtMs) * perMinute) / minuteMs);
      countedAtMs = nowMs;
      if (left < 1 - roundingSlack) {
        const seconds = Math.ceil((((1 - left) / perMinute) * minuteMs) / 1000);
        throw new MeshError("RATE_LIMITED", `This token may make ${perMinute} calls a minute.`, {
          details: { retry_after_s: seconds },
        });
      }
      left = Math.max(0, left - 1);
    },
  };
}
