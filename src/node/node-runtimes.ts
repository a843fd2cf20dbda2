import type { RuntimeKind } from "../protocol/capability.ts";
import type { Secret } from "../protocol/secret.ts";
import { type FindDeps, findRuntime } from "../runtimes/find-runtime.ts";
import { createRuntime, type RuntimeDeps } from "../runtimes/index.ts";
import type { Runtime } from "../runtimes/runtime.ts";

export interface RuntimeChoice {
  /** `auto`: what answers at `endpoint`, else what is found on this machine. */
  readonly kind: RuntimeKind | "auto";
  readonly endpoint: string | null;
  readonly token: Secret | null;
  /** Only for `openai`; null: the first of the server's list that chats. */
  readonly model: string | null;
  /** Whether `auto` looks on this machine when no endpoint is given. */
  readonly autoDiscover: boolean;
}

/**
 * The runtime that the choice means on this machine. One that was named need not run yet; one that is to be found must.
 * @throws MeshError RUNTIME_NOT_FOUND, USAGE for a bad address
 */
export async function chooseRuntime(choice: RuntimeChoice, deps: FindDeps & RuntimeDeps): Promise<Runtime> {
  const { kind: runtime, model, ...wish } = choice;
  const found = await findRuntime({ runtime, ...wish }, deps);
  if (found.tokenProblem !== null) deps.log.warn(found.tokenProblem);
  return createRuntime({ kind: found.kind, endpoint: found.endpoint, token: found.token, model }, deps);
}
