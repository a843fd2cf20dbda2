import { dirname, join } from "node:path";
import type { InstallableKind } from "../domain/provision/recommend-runtime.ts";
import { findOnPath } from "../platform/path-lookup.ts";
import { pathWithFirst } from "./install/install-environment.ts";
import { userPrefix } from "./install/install-places.ts";
import { loadInstallRecord } from "./install/install-record.ts";
import { type AcceptedNode, findAcceptedNode } from "./install/node-for-openclaw.ts";
import { findOpenclawPackage, type OpenclawPackage } from "./install/openclaw-package.ts";
import { isFile } from "./install/place-program.ts";
import type { InstalledProgram } from "./installed-program.ts";
import { readProgramVersion } from "./program-version.ts";
import type { ProvisionDeps } from "./provision-deps.ts";

/**
 * The program of a runtime, ready to be started; null: there is none, or nothing that it can be started with. Starts nothing but
 * `--version`.
 */
export async function findInstalled(
  kind: InstallableKind,
  deps: ProvisionDeps,
): Promise<InstalledProgram | null> {
  if (kind === "zeroclaw") return await findZeroclaw(deps);
  const found = await findOpenclawPackage(deps);
  if (found === null) return null;
  const node = await findAcceptedNode(deps);
  return node === null ? null : toOpenclawProgram(found, node, deps);
}

export function toOpenclawProgram(
  found: OpenclawPackage,
  node: AcceptedNode,
  { env }: Pick<ProvisionDeps, "env">,
): InstalledProgram {
  return {
    kind: "openclaw",
    version: found.version,
    command: [node.program, found.script],
    // Its own children look for Node.js on PATH.
    env: node.isPrivate ? { PATH: pathWithFirst(dirname(node.program), env) } : {},
  };
}

async function findZeroclaw(deps: ProvisionDeps): Promise<InstalledProgram | null> {
  const record = await loadInstallRecord(deps.dataDir, "zeroclaw");
  const onPath = (await findOnPath(["zeroclaw"], deps)).get("zeroclaw");
  const places = [
    record?.place,
    onPath,
    zeroclawProgram(deps.home),
    join(deps.home, ".cargo", "bin", "zeroclaw"),
  ];
  for (const place of new Set(places)) {
    if (place === undefined || !(await isFile(place))) continue;
    const version = await readProgramVersion([place], deps);
    if (version !== null) return { kind: "zeroclaw", version, command: [place], env: {} };
  }
  return null;
}

/** Where it is installed from here. */
export function zeroclawProgram(home: string): string {
  return join(userPrefix(home), "bin", "zeroclaw");
}
