import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";
import { loadGatewayCommand } from "../gateway-runtime.ts";
import { printNote, printResult } from "../print.ts";
import { toSafeLine } from "../render/safe-text.ts";

/** Stopping takes moments, or minutes when the gateway finishes what it works on. */
const tellWaitAfterMs = 2_000;

export async function startRuntime(
  this: CliContext,
  _flags: Readonly<Record<never, never>>,
  runtime: string,
): Promise<void> {
  const { start } = this.texts.runtimes;
  const { kind, deps } = await loadGatewayCommand(this, runtime);
  const { findLocalGateway, startGateway } = await import("../../provision/index.ts");
  const gateway = await findLocalGateway(kind, null, deps);
  printNote(this, start.waiting(kind));
  const { endpoint, how, pid } = await startGateway(gateway, { ...deps, signal: this.interrupt });
  const result = { runtime: kind, state: how, endpoint, pid };
  printResult(this, result, () =>
    how === "started"
      ? start.started(kind, toSafeLine(endpoint), pid ?? 0)
      : start.alreadyRunning(kind, toSafeLine(endpoint)),
  );
}

export async function stopRuntime(
  this: CliContext,
  _flags: Readonly<Record<never, never>>,
  runtime: string,
): Promise<void> {
  const { stop } = this.texts.runtimes;
  const { kind, deps } = await loadGatewayCommand(this, runtime);
  const { stopGateway } = await import("../../provision/index.ts");
  const cancelNote = this.clock.after(tellWaitAfterMs, () => printNote(this, stop.waiting(kind)));
  try {
    const hasStopped = await stopGateway(kind, deps);
    if (!hasStopped)
      throw new MeshError("RUNTIME_NOT_RUNNING", stop.notOurs(kind), { hint: stop.notOursHint });
  } finally {
    cancelNote();
  }
  printResult(this, { runtime: kind, state: "stopped" }, () => stop.stopped(kind));
}
