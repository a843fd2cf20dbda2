import type { MachineFacts } from "./machine-facts.ts";

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

export type RecommendRuntime = (facts: MachineFacts, options: RecommendOptions) => Recommendation;
