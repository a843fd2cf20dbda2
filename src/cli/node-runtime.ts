import type { LoadedConfig } from "../config/load-config.ts";
import { RuntimeChoice } from "../config/schema.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { supportedRuntimeKinds, unsupportedRuntime } from "../protocol/supported-runtimes.ts";

type NodeSettings = LoadedConfig["value"]["node"];

/** The runtime of a node on this machine; the settings of the gateway are for all but echo, which needs nothing. */
export function toRuntimeSettings(
  kind: RuntimeChoice,
  { gateway }: NodeSettings,
): StartNodeAgentOptions["runtime"] {
  const isEcho = kind === "echo";
  return {
    kind,
    endpoint: isEcho ? null : gateway.endpoint,
    token: isEcho ? null : gateway.token,
    model: isEcho ? null : gateway.model,
    timeoutMs: gateway.timeout === null ? null : gateway.timeout * 1000,
    autoDiscover: gateway.auto_discover,
  };
}

/**
 * A runtime as it was typed.
 * @throws MeshError USAGE for a word that is none, RUNTIME_NOT_FOUND for one that this version has no adapter for
 */
export function parseRuntimeChoice(word: string, unknown: (word: string) => string): RuntimeChoice {
  const choice = RuntimeChoice.safeParse(word);
  const choices: readonly string[] = [...supportedRuntimeKinds, "auto"];
  if (!choice.success) throw new MeshError("USAGE", `${unknown(word)} ${choices.join(", ")}`);
  if (choice.data === "auto" || choices.includes(choice.data)) return choice.data;
  throw unsupportedRuntime(choice.data);
}
