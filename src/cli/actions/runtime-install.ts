import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";
import type { ProvisionFlags } from "../provision-flags.ts";

export interface InstallRuntimeFlags extends ProvisionFlags {
  readonly noStart?: boolean;
}

export async function installRuntime(
  this: CliContext,
  _flags: InstallRuntimeFlags,
  _runtime?: string,
): Promise<void> {
  throw new MeshError("USAGE", "not built yet");
}
