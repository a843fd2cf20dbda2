import { coordinatorLockPath, saveCoordinatorFile } from "../../src/platform/coordinator-file.ts";
import { acquireLock } from "../../src/platform/process-lock.ts";

type Facts = Partial<Parameters<typeof saveCoordinatorFile>[1]> & { readonly port: number };

/** Makes a data directory look, to the commands of its machine, like that of a coordinator which runs in this process. */
export async function holdDataDir(dataDir: string, facts: Facts): Promise<Disposable> {
  const lock = acquireLock(coordinatorLockPath(dataDir));
  if ("heldBy" in lock) throw new Error(`held by ${lock.heldBy.pid}`);
  await saveCoordinatorFile(dataDir, { scheme: "http", host: "127.0.0.1", ...facts });
  return { [Symbol.dispose]: lock.release };
}
