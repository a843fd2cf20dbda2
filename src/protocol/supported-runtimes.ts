import type { RuntimeKind } from "./capability.ts";
import { MeshError } from "./errors.ts";

/** The kinds that this version has an adapter for. The others are words of the wire, and say so when they are wanted. */
export const supportedRuntimeKinds = [
  "openclaw",
  "zeroclaw",
  "openai",
  "echo",
] as const satisfies readonly RuntimeKind[];

/** What is told who asks for a kind without an adapter. */
export function unsupportedRuntime(kind: RuntimeKind): MeshError {
  return new MeshError("RUNTIME_NOT_FOUND", `The runtime "${kind}" is not in this version.`, {
    hint: `This version has ${supportedRuntimeKinds.join(", ")}.`,
  });
}
