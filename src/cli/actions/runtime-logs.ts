import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";

export interface RuntimeLogsFlags {
  readonly follow?: boolean;
  readonly lines?: number;
}

export async function showRuntimeLogs(
  this: CliContext,
  _flags: RuntimeLogsFlags,
  _runtime: string,
): Promise<void> {
  throw new MeshError("USAGE", "not built yet");
}
