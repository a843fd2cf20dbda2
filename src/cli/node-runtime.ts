import type { LoadedConfig } from "../config/load-config.ts";
import { RuntimeChoice } from "../config/schema.ts";
import type { StartNodeAgentOptions } from "../node/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { supportedRuntimeKinds, unsupportedRuntime } from "../protocol/supported-runtimes.ts";

type NodeSettings = LoadedConfig["value"]["node"];
type RuntimeWish = StartNodeAgentOptions["runtimes"][number];

/** The runtimes of a node on this machine: its list, else the one that `node.runtime` names. */
export function toNodeRuntimes(node: NodeSettings): readonly RuntimeWish[] {
  return node.runtimes.length > 0 ? node.runtimes : [toRuntimeWish(node.runtime, node)];
}

/** One kind as the settings have it: from the list, else as the short form says it. */
export function toRuntimeWish(kind: RuntimeChoice, { runtimes, gateway }: NodeSettings): RuntimeWish {
  const listed = runtimes.find((runtime) => runtime.kind === kind);
  if (listed !== undefined) return listed;
  const { endpoint, token, model, auto_discover: autoDiscover } = gateway;
  switch (kind) {
    case "auto":
      return { kind, slots: null, endpoint, token, model, approvals: "deny", autoDiscover };
    case "echo":
      return { kind, slots: null };
    case "openclaw":
      return { kind, slots: null, endpoint, token };
    case "zeroclaw":
      return { kind, slots: null, endpoint, token, agent: null, approvals: "deny", via: "auto" };
    case "openai":
      return { kind, slots: null, endpoint, token, model, sessions: "auto" };
    default:
      throw unsupportedRuntime(kind);
  }
}

/** Milliseconds that one run may take; null: as long as its task. */
export function toMaxRunMs({ gateway }: NodeSettings): number | null {
  return gateway.timeout === null ? null : gateway.timeout * 1000;
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
