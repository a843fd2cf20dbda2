import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import type { InstalledProgram } from "../installed-program.ts";
import { toOpenclawProgram } from "../installed-programs.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { withFileFailures } from "./file-failure.ts";
import { readFirstVersion } from "./install-environment.ts";
import { installLogFile, privateNodeDir, runtimeDir } from "./install-places.ts";
import type { OpenclawPlan } from "./install-plan.ts";
import { saveInstallRecord } from "./install-record.ts";
import { type AcceptedNode, findAcceptedNode, privateNodeProgram } from "./node-for-openclaw.ts";
import { type NpmDeps, resetNpmLog, runNpm, viewPackage } from "./npm-command.ts";
import { openclawFolder, readOpenclawPackage } from "./openclaw-package.ts";
import type { PackagePin } from "./pins.ts";
import { nodeArgs, openclawArgs } from "./plan-openclaw.ts";
import type { StepReporter } from "./step-reporter.ts";

/**
 * Two commands of npm, as the second has to run under the Node.js that the first one brings: OpenClaw's own script refuses
 * others. Safe to run again, wherever an earlier run was ended.
 * @throws MeshError of `toNpmError`, CHECKSUM_MISMATCH, RUNTIME_INSTALL_FAILED; the reason of `signal`
 */
export async function runOpenclawPlan(
  plan: OpenclawPlan,
  reporter: StepReporter,
  deps: ProvisionDeps & { readonly signal: AbortSignal },
): Promise<InstalledProgram> {
  const logFile = installLogFile(deps.dataDir, "openclaw");
  const cwd = runtimeDir(deps.dataDir, "openclaw");
  await withFileFailures(cwd, () => mkdir(cwd, { recursive: true, mode: 0o700 }));
  await resetNpmLog(logFile);
  const npmDeps: NpmDeps = { ...deps, npm: plan.npm, nodeDir: null, cwd, logFile };
  const { privateNode } = plan;
  if (privateNode !== null) {
    await reporter.run(isStepOf("node"), () => installNode(privateNode, npmDeps, deps));
  }
  const node = await findAcceptedNode(deps);
  if (node === null) throw incomplete("Node.js", privateNodeDir(deps.dataDir));
  const { openclaw } = plan;
  if (openclaw !== null) {
    const nodeDir = node.isPrivate ? dirname(node.program) : null;
    await reporter.run(isStepOf("openclaw"), () =>
      installOpenclaw({ ...openclaw, prefix: plan.prefix }, { ...npmDeps, nodeDir }, deps),
    );
  }
  return await readInstalled(plan, node, deps);
}

function isStepOf(installs: "node" | "openclaw") {
  return (step: { readonly do: string; readonly installs?: string }) =>
    step.do === "run" && step.installs === installs;
}

async function installNode(pin: PackagePin, npmDeps: NpmDeps, deps: ProvisionDeps): Promise<void> {
  const folder = privateNodeDir(deps.dataDir);
  await withFileFailures(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  const args = nodeArgs(pin, deps.dataDir);
  const byHand = `npm ${args.join(" ")}`;
  const spec = `${pin.name}@${pin.version}`;
  requireIntegrity(spec, pin.integrity, (await viewPackage(spec, byHand, npmDeps)).integrity);
  await runNpm({ args, task: `install ${spec}`, byHand, prefix: folder }, npmDeps);
  const program = privateNodeProgram(deps.dataDir, pin);
  if ((await readFirstVersion(program, deps)) === null) throw incomplete("Node.js", program);
}

interface OpenclawOrder {
  readonly spec: string;
  /** null: any; the version was not pinned here. */
  readonly integrity: string | null;
  readonly prefix: string;
}

async function installOpenclaw(
  { spec, integrity, prefix }: OpenclawOrder,
  npmDeps: NpmDeps,
  deps: ProvisionDeps,
): Promise<void> {
  const args = openclawArgs(spec, prefix);
  const byHand = `npm ${args.join(" ")}`;
  const published = await viewPackage(spec, byHand, npmDeps);
  if (integrity !== null) requireIntegrity(spec, integrity, published.integrity);
  await runNpm({ args, task: `install ${spec}`, byHand, prefix }, npmDeps);
  const folder = openclawFolder(prefix);
  const found = await readOpenclawPackage(folder);
  if (found?.version !== published.version) throw incomplete(spec, folder);
  await saveInstallRecord(deps.dataDir, "openclaw", {
    version: found.version,
    place: folder,
    source: spec,
    checksum: published.integrity,
  });
}

/** npm checks what it downloads against this same field of the registry; that it is the pinned one is checked here. */
function requireIntegrity(spec: string, pinned: string, published: string): void {
  if (published === pinned) return;
  throw new MeshError(
    "CHECKSUM_MISMATCH",
    `the registry has another ${spec} than the one that is known here; nothing was installed`,
    {
      hint: "Check npm's registry (npm config get registry), or install another version with --runtime-version.",
      details: { pinned, published },
    },
  );
}

async function readInstalled(
  plan: OpenclawPlan,
  node: AcceptedNode,
  deps: ProvisionDeps,
): Promise<InstalledProgram> {
  const folder = openclawFolder(plan.prefix);
  const found = await readOpenclawPackage(folder);
  if (found === null) throw incomplete("OpenClaw", folder);
  return toOpenclawProgram(found, node, deps);
}

function incomplete(what: string, place: string): MeshError {
  return new MeshError(
    "RUNTIME_INSTALL_FAILED",
    `npm said that it installed ${what}, and ${place} lacks it`,
    {
      hint: "Remove that folder, then run the same command again.",
    },
  );
}
