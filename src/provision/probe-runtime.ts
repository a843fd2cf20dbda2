import type { Log } from "../platform/log.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { RuntimeStatus } from "../protocol/node.ts";
import type { Secret } from "../protocol/secret.ts";
import { createRuntime } from "../runtimes/index.ts";
import { createRuntimeCredentials } from "../runtimes/runtime-credentials.ts";
import type { RuntimeSettings } from "../runtimes/runtime-settings.ts";
import type { DetectDeps } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { findRuntime, toSettings } from "./find-runtime.ts";

/** What an adapter said of its runtime. */
export interface ProbedRuntime {
  readonly kind: RuntimeKind;
  /** An address or a command. */
  readonly location: string;
  readonly status: RuntimeStatus;
  /** Attempts it works on at once; null: it does not tell. */
  readonly slots: number | null;
}

export interface ProbeDeps extends DetectDeps {
  readonly log: Log;
}

/** Asks one that was detected, through the adapter that a node would use. An agent of `acp` is started for it, and ended. */
export function probeDetected(runtime: DetectedRuntime, deps: ProbeDeps): Promise<ProbedRuntime> {
  return probeSettings(toSettings(runtime, { token: null, model: null, approvals: "deny" }), deps);
}

/**
 * Asks what answers at an address.
 * @param token - null: none, but for the gateway of this machine, whose files tell it
 * @throws MeshError RUNTIME_NOT_FOUND when nothing known answers, USAGE for an address that cannot be read
 */
export async function probeAddress(
  endpoint: string,
  token: Secret | null,
  deps: ProbeDeps,
): Promise<ProbedRuntime> {
  const wish = {
    kind: "auto",
    endpoint,
    token,
    model: null,
    approvals: "deny",
    autoDiscover: false,
  } as const;
  return await probeSettings((await findRuntime(wish, deps)).settings, deps);
}

async function probeSettings(settings: RuntimeSettings, deps: ProbeDeps): Promise<ProbedRuntime> {
  const { clock, random, fetch, log, env, dataDir } = deps;
  const credentials = createRuntimeCredentials({ dataDir });
  const runtime = await createRuntime(settings, { clock, random, fetch, log, env, dataDir, credentials });
  try {
    return { kind: runtime.kind, location: runtime.location, ...(await runtime.probe()) };
  } finally {
    await runtime.close();
  }
}
