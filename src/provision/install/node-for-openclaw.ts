import { join } from "node:path";
import type { BuildMachine } from "../../domain/provision/runtime-builds.ts";
import { matchNodePackage } from "../../domain/provision/runtime-builds.ts";
import { findOnPath } from "../../platform/path-lookup.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { readFirstVersion } from "./install-environment.ts";
import { privateNodeDir } from "./install-places.ts";
import { nodePins, openclawNodeRange, type PackagePin } from "./pins.ts";

/** A Node.js that OpenClaw starts with. */
export interface AcceptedNode {
  readonly program: string;
  /** Whether it is the one below the data directory of this program. */
  readonly isPrivate: boolean;
}

/** The machine's own Node.js when OpenClaw accepts it, else the private one when it is installed; null: neither. */
export async function findAcceptedNode(
  deps: Pick<ProvisionDeps, "env" | "clock" | "dataDir">,
): Promise<AcceptedNode | null> {
  const found = (await findOnPath(["node"], deps)).get("node");
  if (found !== undefined && (await isAccepted(found, deps))) return { program: found, isPrivate: false };
  for (const pin of nodePins) {
    const program = privateNodeProgram(deps.dataDir, pin);
    if (await isAccepted(program, deps)) return { program, isPrivate: true };
  }
  return null;
}

async function isAccepted(program: string, deps: Pick<ProvisionDeps, "env" | "clock">): Promise<boolean> {
  const version = await readFirstVersion(program, deps);
  return version !== null && Bun.semver.satisfies(version, openclawNodeRange);
}

/** The package that carries a Node.js for the machine; null: there is none that is known to work. */
export function matchNodePin(machine: BuildMachine, pins: readonly PackagePin[]): PackagePin | null {
  const name = matchNodePackage(machine);
  return pins.find((pin) => pin.name === name) ?? null;
}

export function privateNodeProgram(dataDir: string, pin: PackagePin): string {
  return join(privateNodeDir(dataDir), "node_modules", pin.name, "bin", "node");
}
