import type { SafeAnswer, SafeFetch } from "../../platform/safe-fetch.ts";
import { directHealthPath } from "../../protocol/direct.ts";
import type { CallBudget } from "./call-budget.ts";
import type { DirectTarget } from "./direct-link.ts";
import { probeLimitMs } from "./node-health.ts";

/** Bytes of the answer to a probe. */
const maxProbeBytes = 64 * 1024;

/** Asks endpoints for a sign of life; shows no token. */
export interface EndpointProbes {
  /**
   * One call to an endpoint at a time: whoever asks while one is under way gets its answer, at the end of its own time.
   * null: too many calls run at once, so that nothing was found out.
   */
  readonly ask: (target: Pick<DirectTarget, "origin">, limitMs: number) => Promise<SafeAnswer | null>;
}

export function createEndpointProbes(deps: {
  readonly safeFetch: SafeFetch;
  readonly budget: CallBudget;
}): EndpointProbes {
  const running = new Map<string, Promise<SafeAnswer>>();

  async function call(origin: string, limitMs: number): Promise<SafeAnswer> {
    try {
      return await deps.safeFetch({
        url: origin + directHealthPath,
        method: "GET",
        timeoutMs: Math.min(limitMs, probeLimitMs),
        maxBytes: maxProbeBytes,
      });
    } finally {
      running.delete(origin);
      deps.budget.giveBack();
    }
  }

  return {
    ask: ({ origin }, limitMs) => {
      const present = running.get(origin);
      if (present !== undefined) return present;
      if (!deps.budget.take()) return Promise.resolve(null);
      const asked = call(origin, limitMs);
      running.set(origin, asked);
      return asked;
    },
  };
}

/** Nobody can be called dead whom nobody had time to ask. */
export function mayBeHealthy(answer: SafeAnswer | null): boolean {
  return answer === null || (answer.kind === "answered" && answer.status === 200);
}
