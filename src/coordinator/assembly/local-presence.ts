import { errorCodeOf } from "../../platform/atomic-file.ts";
import { removeCoordinatorFile, saveCoordinatorFile } from "../../platform/coordinator-file.ts";
import type { Log } from "../../platform/log.ts";

/** How the commands of this machine find a coordinator that runs, and know that it is this one. */
export interface LocalPresence {
  readonly announce: (facts: Parameters<typeof saveCoordinatorFile>[1]) => Promise<void>;
  /** Before the port is given up: somebody else may have it then. */
  readonly withdraw: () => Promise<void>;
}

/** A disk that takes no file is told of and no reason to stop: commands then need an address and a token. */
export function createLocalPresence({ dataDir, log }: { dataDir: string; log: Log }): LocalPresence {
  const attempt = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === null) throw error;
      log.warn("commands on this machine cannot be told of this coordinator", { code });
    }
  };
  return {
    announce: (facts) => attempt(() => saveCoordinatorFile(dataDir, facts)),
    withdraw: () => attempt(() => removeCoordinatorFile(dataDir)),
  };
}
