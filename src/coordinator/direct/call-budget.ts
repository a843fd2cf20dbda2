/**
 * Calls to direct nodes that may run at once. The platform sends 256 requests at a time and lets all others of the process
 * wait: without a limit of their own, silent nodes would keep the probes and everything else from being sent.
 */
export const maxCalls = 192;

/** Counts the running calls of all direct nodes. */
export interface CallBudget {
  /** @returns whether there was room for one more */
  readonly take: () => boolean;
  readonly giveBack: () => void;
}

export function createCallBudget(limit: number = maxCalls): CallBudget {
  let running = 0;
  return {
    take: () => {
      if (running >= limit) return false;
      running += 1;
      return true;
    },
    giveBack: () => {
      running -= 1;
    },
  };
}
