import { join } from "node:path";
import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";

/** Everything about runtimes below the data directory of this program. */
export function runtimesDir(dataDir: string): string {
  return join(dataDir, "runtimes");
}

/** npm's folder for the Node.js that only runtimes use. */
export function privateNodeDir(dataDir: string): string {
  return join(runtimesDir(dataDir), "nodejs");
}

/** Archives on their way; what is left of a broken download is gone on with. */
export function downloadsDir(dataDir: string): string {
  return join(runtimesDir(dataDir), "downloads");
}

/** Held by the one process that installs. */
export function installLockFile(dataDir: string): string {
  return join(runtimesDir(dataDir), "install.lock");
}

export function runtimeDir(dataDir: string, kind: InstallableKind): string {
  return join(runtimesDir(dataDir), kind);
}

/** What npm wrote at the last installation. */
export function installLogFile(dataDir: string, kind: InstallableKind): string {
  return join(runtimeDir(dataDir, kind), "install.log");
}

export function installRecordFile(dataDir: string, kind: InstallableKind): string {
  return join(runtimeDir(dataDir, kind), "install.json");
}

/** Where a user's own programs are, without rights of an administrator. */
export function userPrefix(home: string): string {
  return join(home, ".local");
}
