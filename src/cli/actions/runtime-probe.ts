import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";

export async function probeRuntime(
  this: CliContext,
  _flags: Readonly<Record<never, never>>,
  _runtime?: string,
): Promise<void> {
  throw new MeshError("USAGE", "not built yet");
}
