import { mkdir } from "node:fs/promises";
import type { InstallableKind } from "../../domain/provision/recommend-runtime.ts";
import { delay } from "../../platform/clock.ts";
import { acquireLock, type ProcessLock } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { OnProvisionProgress } from "../provision-step.ts";
import { withFileFailures } from "./file-failure.ts";
import { installLockFile, runtimesDir } from "./install-places.ts";
import type { InstallPlan } from "./install-plan.ts";
import { type PlanRequest, planOpenclaw } from "./plan-openclaw.ts";
import { planZeroclaw } from "./plan-zeroclaw.ts";
import { runOpenclawPlan } from "./run-openclaw.ts";
import { runZeroclawPlan } from "./run-zeroclaw.ts";
import { createStepReporter } from "./step-reporter.ts";

/** Time that another installation on this machine is waited for, and between two looks. */
const lockLimitMs = 20 * 60_000;
const lockPauseMs = 500;

/**
 * What an installation would do. Changes nothing.
 * @throws MeshError RUNTIME_UNSUPPORTED, USAGE
 */
export async function planInstall(
  kind: InstallableKind,
  request: PlanRequest,
  deps: ProvisionDeps,
): Promise<InstallPlan> {
  return kind === "openclaw" ? await planOpenclaw(request, deps) : await planZeroclaw(request, deps);
}

export interface RunOptions {
  readonly onProgress: OnProvisionProgress;
  readonly signal: AbortSignal;
}

/**
 * Does what {@link planInstall} said. Safe to call again wherever an earlier call was ended, by `kill -9` too. Hold the lock of
 * {@link lockInstallations} meanwhile, and plan under it.
 * @throws MeshError; the reason of `signal`
 */
export async function runInstall(
  plan: InstallPlan,
  { onProgress, signal }: RunOptions,
  deps: ProvisionDeps,
): Promise<InstalledProgram> {
  const reporter = createStepReporter(plan.steps, onProgress);
  if (plan.installed !== null) return plan.installed;
  return plan.kind === "openclaw"
    ? await runOpenclawPlan(plan, reporter, { ...deps, signal })
    : await runZeroclawPlan(plan, reporter, { ...deps, signal });
}

/**
 * One installation at a time on this data directory. Waits for another one; the kernel ends the lock with its process.
 * @param onWait called once, when there is another one
 * @throws MeshError RUNTIME_INSTALL_FAILED when the other one takes too long; the reason of `signal`
 */
export async function lockInstallations(
  { signal, onWait }: { readonly signal: AbortSignal; readonly onWait: (pid: number | null) => void },
  { dataDir, clock }: Pick<ProvisionDeps, "dataDir" | "clock">,
): Promise<ProcessLock> {
  const folder = runtimesDir(dataDir);
  await withFileFailures(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  const endsMs = clock.monotonicMs() + lockLimitMs;
  for (let isFirst = true; ; isFirst = false) {
    signal.throwIfAborted();
    const lock = acquireLock(installLockFile(dataDir));
    if ("release" in lock) return lock;
    const { pid } = lock.heldBy;
    if (clock.monotonicMs() >= endsMs) {
      const who = pid === null ? "another process" : `process ${pid}`;
      throw new MeshError("RUNTIME_INSTALL_FAILED", `${who} has been installing for 20 minutes`, {
        hint: "See what it does, end it, then run the same command again.",
      });
    }
    if (isFirst) onWait(pid);
    await delay(clock, lockPauseMs, signal);
  }
}
