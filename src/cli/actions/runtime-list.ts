import type { LoadedConfig } from "../../config/load-config.ts";
import { systemRandom } from "../../platform/random.ts";
import type { DetectDeps, DetectedChoice, DetectedRuntime } from "../../provision/index.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { toProvisionDeps } from "../gateway-runtime.ts";
import { printResult } from "../print.ts";
import { type FoundRuntimes, renderRuntimes } from "../render/runtimes.ts";

export async function listRuntimes(this: CliContext): Promise<void> {
  const config = await loadCliConfig(this);
  const deps = toDetectDeps(this, config);
  const { chooseDetected, decideInstallation, detectRuntimes } = await import("../../provision/index.ts");
  const [detected, installation] = await Promise.all([detectRuntimes(deps), decideInstallation(null, deps)]);
  const { facts, recommendation } = installation;
  const found: FoundRuntimes = {
    detected,
    choice: chooseDetected(detected, null),
    configured: namedRuntimes(config),
    recommendation,
  };
  const result = {
    runtimes: detected.map(toDetectedJson),
    choice: toChoiceJson(found.choice),
    configured: found.configured,
    recommendation: {
      runtime: recommendation.runtime,
      needs_private_node: recommendation.needsPrivateNode,
      reasons: recommendation.reasons,
    },
    machine: {
      platform: facts.platform,
      arch: facts.arch,
      libc: facts.libc,
      free_memory_bytes: facts.freeMemoryBytes,
      total_memory_bytes: facts.totalMemoryBytes,
      free_disk_bytes: facts.freeDiskBytes,
      npm: facts.npm,
      node: facts.node,
    },
  };
  printResult(this, result, () => renderRuntimes(found, this.texts, this.stdout));
}

export function toDetectDeps(context: CliContext, config: LoadedConfig): DetectDeps {
  const gatewayToken = config.value.node.gateway.token;
  return { ...toProvisionDeps(context, config), random: systemRandom, gatewayToken };
}

/** What the configuration names in place of looking; empty: a node looks for itself. */
function namedRuntimes({ value: { node } }: LoadedConfig): readonly string[] {
  if (node.runtimes.length > 0) return node.runtimes.map(({ kind }) => kind);
  return node.runtime === "auto" ? [] : [node.runtime];
}

/** Without the token: only whether there is one. */
function toDetectedJson(runtime: DetectedRuntime) {
  const { kind, product, version, program, endpoint, token, command, state, problem, foundBy } = runtime;
  const has_token = token !== null;
  return { kind, product, version, program, endpoint, has_token, command, state, problem, found_by: foundBy };
}

function toChoiceJson({ chosen, because, passedOver }: DetectedChoice) {
  return {
    runtime: chosen === null ? null : { kind: chosen.kind, product: chosen.product },
    because,
    passed_over: passedOver.map(({ runtime, because: why }) => ({
      kind: runtime.kind,
      product: runtime.product,
      because: why,
    })),
  };
}
