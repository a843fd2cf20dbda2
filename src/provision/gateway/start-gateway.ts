import type { ChildExit } from "../../platform/child-processes.ts";
import { delay } from "../../platform/clock.ts";
import { findLockHolder } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import type { GatewayProgram } from "../gateway-program.ts";
import type { GatewayDeps } from "./gateway-deps.ts";
import { gatewayFiles } from "./gateway-files.ts";
import { readLogTail } from "./gateway-log.ts";
import { endProcess, type GatewayProcess } from "./gateway-process.ts";
import { describeExit, isDaemon, launchGateway } from "./launch-gateway.ts";
import { forgetGateway } from "./own-gateway.ts";

const readyLookMs = 250;

/** Lines of its log that tell why it ended. */
const shownLogLines = 12;

/** Time that one gets to end that was started for somebody who gave up. */
const abandonLimitMs = 5_000;

export interface StartedGateway {
  readonly kind: GatewayProgram["kind"];
  readonly endpoint: string;
  readonly token: Secret | null;
  /** `already_running`: it did so before. */
  readonly how: "started" | "already_running";
  /** null: somebody else's. */
  readonly pid: number | null;
}

export interface StartGatewayDeps extends GatewayDeps {
  /** Ends the wait, and the gateway with it when it was started here; the start then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the gateway in the background, where it outlives this process, and waits until it takes work. One that runs
 * already is taken. One that is not ready in time goes on: slow machines get there later.
 * @throws MeshError RUNTIME_START_FAILED with the last lines of its log when it ends first, or is not ready in time, or
 *   another program has its port; DATA_DIR_UNUSABLE
 */
export async function startGateway(gateway: GatewayProgram, deps: StartGatewayDeps): Promise<StartedGateway> {
  const launched = await launchGateway(gateway, deps);
  await waitUntilReady(gateway, launched.process, deps).catch(async (error: unknown) => {
    if (deps.signal?.aborted === true && launched.how === "launched" && launched.process !== null) {
      await endProcess(launched.process, { clock: deps.clock, limitMs: abandonLimitMs });
      await forgetGateway(gatewayFiles(deps.dataDir, gateway.kind), launched.process.identity, deps);
    }
    throw error;
  });
  return {
    kind: gateway.kind,
    endpoint: gateway.endpoint,
    token: gateway.token,
    how: launched.how === "launched" ? "started" : "already_running",
    pid: launched.process?.identity.pid ?? null,
  };
}

async function waitUntilReady(
  gateway: GatewayProgram,
  started: GatewayProcess | null,
  deps: StartGatewayDeps,
): Promise<void> {
  const { clock, signal } = deps;
  let process = started;
  const endsAtMs = clock.monotonicMs() + gateway.readyLimitMs;
  while (true) {
    const isRunning = process?.isRunning() ?? true;
    if (await gateway.isReady()) return;
    if (process !== null && !isRunning) {
      const exit = process.exited === null ? null : await process.exited;
      if (exit === null || !(await isDaemon(gateway, exit, deps)))
        throw await endedError(gateway, { process, exit, deps });
      process = null;
    }
    if (clock.monotonicMs() >= endsAtMs) throw lateError(gateway);
    await delay(clock, readyLookMs, signal);
    signal?.throwIfAborted();
  }
}

interface EndedParts {
  readonly process: GatewayProcess;
  readonly exit: ChildExit | null;
  readonly deps: GatewayDeps;
}

async function endedError(gateway: GatewayProgram, { process, exit, deps }: EndedParts): Promise<MeshError> {
  const files = gatewayFiles(deps.dataDir, gateway.kind);
  // Whoever keeps it alive reads there whether somebody asked for its end.
  if (findLockHolder(files.supervisorLock) === null) await forgetGateway(files, process.identity, deps);
  const lines = await readLogTail(files.log, shownLogLines);
  const how = exit === null ? "" : ` (${describeExit(exit)})`;
  const said = lines.length === 0 ? "" : ` It wrote:\n${lines.map((line) => `  ${line}`).join("\n")}`;
  return new MeshError(
    "RUNTIME_START_FAILED",
    `The gateway of ${gateway.kind} ended before it was ready${how}.${said}`,
    {
      hint: `See all that it wrote with: claw-mesh runtime logs ${gateway.kind}`,
    },
  );
}

function lateError({ kind, readyLimitMs }: GatewayProgram): MeshError {
  const limit = `${Math.round(readyLimitMs / 1000)} s`;
  return new MeshError(
    "RUNTIME_START_FAILED",
    `The gateway of ${kind} runs but was not ready within ${limit}.`,
    {
      hint: `It goes on. See what it does with: claw-mesh runtime logs ${kind} --follow`,
    },
  );
}
