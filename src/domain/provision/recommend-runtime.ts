import type { MachineFacts } from "./machine-facts.ts";
import { matchNodePackage, matchZeroclawTriple } from "./runtime-builds.ts";

/** Kinds that this program can install. */
export type InstallableKind = "openclaw" | "zeroclaw";

/** Free memory and free disk from which on OpenClaw is recommended; each at least this. */
export const openclawFreeBytes = 2 * 2 ** 30;

/** Why a runtime was chosen or passed over; the command line has a sentence for each. */
export type RecommendationReason =
  | { readonly kind: "asked" }
  | { readonly kind: "openclaw_fits" }
  | { readonly kind: "node_too_old"; readonly version: string; readonly needs: string }
  | { readonly kind: "no_node" }
  | { readonly kind: "no_npm" }
  /** It is there, and does not tell its version: it cannot install anything either. */
  | { readonly kind: "broken_npm" }
  | { readonly kind: "little_memory"; readonly freeBytes: number; readonly needsBytes: number }
  | { readonly kind: "little_disk"; readonly freeBytes: number; readonly needsBytes: number }
  | { readonly kind: "no_private_node"; readonly platform: string; readonly arch: string }
  | { readonly kind: "no_zeroclaw_build"; readonly platform: string; readonly arch: string };

export interface Recommendation {
  /** null: this machine can have neither. */
  readonly runtime: InstallableKind | null;
  /** OpenClaw needs a Node.js of its own, as the machine's is too old or missing. */
  readonly needsPrivateNode: boolean;
  /** In the order in which they decided. */
  readonly reasons: readonly RecommendationReason[];
}

export interface RecommendOptions {
  /** What `--runtime` says; null: the machine decides. */
  readonly asked: InstallableKind | null;
  /** Versions of Node.js that the OpenClaw to be installed accepts, as a semver range. */
  readonly nodeRange: string;
}

/**
 * Which runtime fits the machine: OpenClaw where npm, memory and disk are enough and a Node.js that it accepts is there or can
 * be had, else ZeroClaw where it has a build. One that was asked for is recommended whatever the machine says; the reasons then
 * tell what is against it, and {@link isObstacle} which of them no installation gets past.
 */
export function recommendRuntime(
  facts: MachineFacts,
  { asked, nodeRange }: RecommendOptions,
): Recommendation {
  const needsPrivateNode = !isNodeAccepted(facts.node, nodeRange);
  const nodeReasons = needsPrivateNode ? explainNode(facts, nodeRange) : [];
  const againstOpenclaw = [...explainResources(facts), ...nodeReasons.filter(isObstacle)];
  const againstZeroclaw = matchZeroclawTriple(facts) === null ? [noZeroclawBuild(facts)] : [];
  if (asked === "zeroclaw") {
    return { runtime: asked, needsPrivateNode: false, reasons: [{ kind: "asked" }, ...againstZeroclaw] };
  }
  if (asked === "openclaw") {
    const reasons = [{ kind: "asked" } as const, ...explainResources(facts), ...nodeReasons];
    return { runtime: asked, needsPrivateNode, reasons };
  }
  if (againstOpenclaw.length === 0) {
    return { runtime: "openclaw", needsPrivateNode, reasons: [{ kind: "openclaw_fits" }, ...nodeReasons] };
  }
  return {
    runtime: againstZeroclaw.length === 0 ? "zeroclaw" : null,
    needsPrivateNode: false,
    reasons: [
      ...explainResources(facts),
      ...(nodeReasons.some(isObstacle) ? nodeReasons : []),
      ...againstZeroclaw,
    ],
  };
}

/** Whether the reason makes an installation impossible, as little memory does not. */
export function isObstacle({ kind }: RecommendationReason): boolean {
  return (
    kind === "no_npm" || kind === "broken_npm" || kind === "no_private_node" || kind === "no_zeroclaw_build"
  );
}

function isNodeAccepted(node: MachineFacts["node"], range: string): boolean {
  return node?.version != null && Bun.semver.satisfies(node.version.replace(/^v/, ""), range);
}

function explainResources({
  npm,
  freeMemoryBytes,
  freeDiskBytes,
}: MachineFacts): readonly RecommendationReason[] {
  const needsBytes = openclawFreeBytes;
  const reasons: RecommendationReason[] = [];
  if (npm === null) reasons.push({ kind: "no_npm" });
  else if (npm.version === null) reasons.push({ kind: "broken_npm" });
  if (freeMemoryBytes < needsBytes)
    reasons.push({ kind: "little_memory", freeBytes: freeMemoryBytes, needsBytes });
  if (freeDiskBytes < needsBytes) reasons.push({ kind: "little_disk", freeBytes: freeDiskBytes, needsBytes });
  return reasons;
}

/** Why the machine's own Node.js will not do, and whether another can be had. */
function explainNode(facts: MachineFacts, needs: string): readonly RecommendationReason[] {
  const { node, platform, arch } = facts;
  const why: RecommendationReason =
    node?.version == null ? { kind: "no_node" } : { kind: "node_too_old", version: node.version, needs };
  return matchNodePackage(facts) === null ? [why, { kind: "no_private_node", platform, arch }] : [why];
}

function noZeroclawBuild({ platform, arch }: MachineFacts): RecommendationReason {
  return { kind: "no_zeroclaw_build", platform, arch };
}
