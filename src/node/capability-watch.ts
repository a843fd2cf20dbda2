import type { Capabilities } from "../protocol/capability.ts";

/** How often the machine is looked at again while the agent runs. */
export const capabilityRefreshMs = 5 * 60 * 1000;

/** What the machine has, as it was seen last. */
export interface CapabilityWatch {
  readonly current: () => Capabilities;
  /** Looks again. @returns whether something changed */
  readonly refresh: () => Promise<boolean>;
}

export async function createCapabilityWatch(probe: () => Promise<Capabilities>): Promise<CapabilityWatch> {
  let current = await probe();
  return {
    current: () => current,
    refresh: async () => {
      const before = JSON.stringify(current);
      current = await probe();
      return JSON.stringify(current) !== before;
    },
  };
}
