import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "./environment.ts";

/** The home directory of this user: HOME (USERPROFILE on Windows), else what the system says. */
export function homeDir(env: Environment): string {
  const fromEnv = env.HOME ?? env.USERPROFILE;
  return fromEnv === undefined || fromEnv === "" ? homedir() : fromEnv;
}

/** Where this program keeps its files unless told otherwise: CLAW_MESH_HOME, else `~/.claw-mesh`. */
export function defaultDataDir(env: Environment, home: string): string {
  const fromEnv = env.CLAW_MESH_HOME;
  return fromEnv === undefined || fromEnv === "" ? join(home, ".claw-mesh") : fromEnv;
}

/** Turns a path as a person writes it into an absolute one: `~` is the home directory. */
export function expandPath(path: string, base: { readonly home: string; readonly cwd: string }): string {
  if (path === "~") return base.home;
  if (path.startsWith("~/") || path.startsWith("~\\")) return join(base.home, path.slice(2));
  return resolve(base.cwd, path);
}

/** The file that holds the coordinator's admin token. */
export function tokenPath(dataDir: string): string {
  return join(dataDir, "token");
}

/** The coordinator's database. */
export function databasePath(dataDir: string): string {
  return join(dataDir, "mesh.db");
}

/** The file with the key that seals the tokens of direct nodes in the database. */
export function directKeyPath(dataDir: string): string {
  return join(dataDir, "direct.key");
}
