import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import type { InstalledProgram } from "../installed-program.ts";
import { toOpenclawProgram } from "../installed-programs.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { type FetchedPackage, fetchPackage, type PackageOrder } from "./fetch-package.ts";
import { withFileFailures } from "./file-failure.ts";
import { readFirstVersion } from "./install-environment.ts";
import { downloadsDir, installLogFile, privateNodeDir, runtimeDir } from "./install-places.ts";
import type { OpenclawPlan } from "./install-plan.ts";
import { saveInstallRecord } from "./install-record.ts";
import { type AcceptedNode, findAcceptedNode, privateNodeProgram } from "./node-for-openclaw.ts";
import { type NpmDeps, resetNpmLog, runNpm } from "./npm-command.ts";
import { openclawFolder, readOpenclawPackage } from "./openclaw-package.ts";
import { nodeArgs, openclawArgs } from "./plan-openclaw.ts";
import type { StepReporter } from "./step-reporter.ts";
import { requireTlsChecks } from "./tls-checks.ts";

/**
 * npm fetches each package, which is hashed here, and then installs it from that file. OpenClaw comes second, as its own script
 * has to run under the Node.js that the first one brings. Safe to run again, wherever an earlier run was ended.
 * @throws MeshError of `toNpmError`, CHECKSUM_MISMATCH, RUNTIME_INSTALL_FAILED; the reason of `signal`
 */
export async function runOpenclawPlan(
  plan: OpenclawPlan,
  reporter: StepReporter,
  deps: ProvisionDeps & { readonly signal: AbortSignal },
): Promise<InstalledProgram> {
  requireTlsChecks(deps.env);
  const logFile = installLogFile(deps.dataDir, "openclaw");
  const cwd = runtimeDir(deps.dataDir, "openclaw");
  for (const folder of [cwd, downloadsDir(deps.dataDir)])
    await withFileFailures(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  await resetNpmLog(logFile);
  const npmDeps: NpmDeps = { ...deps, npm: plan.npm, nodeDir: null, cwd, logFile };
  if (plan.privateNode !== null) await installNode(plan.privateNode, reporter, { npmDeps, deps });
  const node = await findAcceptedNode(deps);
  if (node === null) throw incomplete("Node.js", privateNodeDir(deps.dataDir));
  const { openclaw, prefix } = plan;
  if (openclaw !== null) {
    const nodeDir = node.isPrivate ? dirname(node.program) : null;
    await installOpenclaw({ order: openclaw, prefix }, reporter, { npmDeps: { ...npmDeps, nodeDir }, deps });
  }
  return await readInstalled(plan, node, deps);
}

function isStepOf(installs: "node" | "openclaw") {
  return (step: { readonly do: string; readonly installs?: string }) =>
    step.do === "run" && step.installs === installs;
}

interface RunParts {
  readonly npmDeps: NpmDeps;
  readonly deps: ProvisionDeps;
}

async function installNode(
  order: PackageOrder,
  reporter: StepReporter,
  { npmDeps, deps }: RunParts,
): Promise<void> {
  const { name, version, pin, file } = order;
  const folder = privateNodeDir(deps.dataDir);
  await withFileFailures(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  const byHand = `npm ${nodeArgs(`${name}@${version}`, deps.dataDir).join(" ")}`;
  await fetchOrder(order, reporter, { byHand, npmDeps });
  const args = nodeArgs(file, deps.dataDir);
  const task = `install ${name}@${version}`;
  await reporter.run(isStepOf("node"), () => runNpm({ args, task, byHand, prefix: folder }, npmDeps));
  const program = privateNodeProgram(deps.dataDir, pin);
  if ((await readFirstVersion(program, deps)) === null) throw incomplete("Node.js", program);
  await forgetPackage(file);
}

interface OpenclawOrder {
  readonly order: PackageOrder;
  readonly prefix: string;
}

async function installOpenclaw(
  { order, prefix }: OpenclawOrder,
  reporter: StepReporter,
  { npmDeps, deps }: RunParts,
): Promise<void> {
  const spec = `${order.name}@${order.version}`;
  const byHand = `npm ${openclawArgs(spec, prefix).join(" ")}`;
  const fetched = await fetchOrder(order, reporter, { byHand, npmDeps });
  const args = openclawArgs(order.file, prefix);
  const command = { args, task: `install ${spec}`, byHand, prefix, isShared: true };
  await reporter.run(isStepOf("openclaw"), () => runNpm(command, npmDeps));
  const folder = openclawFolder(prefix);
  const found = await readOpenclawPackage(folder);
  if (found?.version !== fetched.version) throw incomplete(spec, folder);
  await saveInstallRecord(deps.dataDir, "openclaw", {
    version: found.version,
    place: folder,
    source: spec,
    checksum: fetched.integrity,
  });
  await forgetPackage(order.file);
}

function fetchOrder(
  order: PackageOrder,
  reporter: StepReporter,
  { byHand, npmDeps }: { readonly byHand: string; readonly npmDeps: NpmDeps },
): Promise<FetchedPackage> {
  return reporter.run(
    (step) => step.do === "fetch" && step.to === order.file,
    () => fetchPackage(order, byHand, npmDeps),
  );
}

async function forgetPackage(file: string): Promise<void> {
  await withFileFailures(file, () => rm(file, { force: true }));
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
