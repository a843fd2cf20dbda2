import { MeshError } from "../../protocol/errors.ts";
import type { CliContext } from "../context.ts";

export async function listRuntimes(this: CliContext): Promise<void> {
  throw new MeshError("USAGE", "not built yet");
}
