import { type Log, silentLog } from "../../../src/platform/log.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

/** A coordinator whose faults do not go unnoticed. */
export interface WatchedCoordinator extends AsyncDisposable {
  readonly coordinator: TestCoordinator;
  /** Throws when something was logged as an error since the last call. */
  readonly requireNoFault: () => void;
}

export async function createWatchedCoordinator(): Promise<WatchedCoordinator> {
  const faults: string[] = [];
  const log: Log = {
    ...silentLog,
    error: (message, facts) => void faults.push(`${message} ${Bun.inspect(facts ?? {}, { depth: 4 })}`),
    child: () => log,
  };
  const coordinator = await createTestCoordinator({ log });
  return {
    coordinator,
    requireNoFault: () => {
      const found = faults.splice(0);
      if (found.length > 0) throw new Error(`logged as an error: ${found.join("\n")}`);
    },
    [Symbol.asyncDispose]: () => coordinator[Symbol.asyncDispose](),
  };
}
