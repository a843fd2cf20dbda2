import type { Capabilities, RuntimeKind } from "../../protocol/capability.ts";
import type { NodeId } from "../../protocol/ids.ts";
import type { Scheduling } from "../../protocol/node.ts";
import type { Group } from "../../protocol/rule.ts";

/**
 * A node as the router sees it. The registry keeps these objects and changes them in place between decisions, so that a
 * decision copies nothing; within one decision they do not change. Sets, capabilities and runtimes are replaced when they
 * change, never edited: what is derived from them is kept as long as they are the same objects.
 */
export interface NodeView {
  readonly id: NodeId;
  readonly name: string;
  /** `name` in lower case: names are compared without case. */
  readonly nameKey: string;
  readonly capabilities: Capabilities;
  /** Effective tags and skills in lower case: a tag of the same name counts as the skill. */
  readonly abilities: ReadonlySet<string>;
  /** What it lacks for skills that it has and cannot use, by name in lower case. Default: not known. */
  readonly lacking?: ReadonlyMap<string, readonly string[]>;
  /** Effective tags in lower case. */
  readonly tagKeys: ReadonlySet<string>;
  /** In the order in which the node prefers them. */
  readonly runtimes: readonly { readonly kind: RuntimeKind; readonly ready: boolean }[];
  /** Those that are ready and have a free slot; null: the node's slots count alone, as it has one runtime or is an older one. */
  readonly freeRuntimes?: ReadonlySet<RuntimeKind> | null;
  readonly isOnline: boolean;
  /** Epoch; when it went offline. null while online. */
  readonly offlineSinceMs: number | null;
  /** Monotonic, as the clock on the wall may be set: since when it is missed. null: it is here. */
  readonly missedSinceMs?: number | null;
  readonly isReady: boolean;
  /** Why it is not ready. */
  readonly reason: string | null;
  readonly scheduling: Scheduling;
  /** Its circuit breaker is open: it failed too often lately. */
  readonly isBreakerOpen: boolean;
  /** Which way it fails and when it is tried again; null while no breaker is open. */
  readonly breakerDetail?: string | null;
  readonly slots: number;
  /** Running attempts plus reservations. */
  readonly inFlight: number;
  /** Runs of others that its runtimes work on or have queued, as of its last status; they take no slot, but time. */
  readonly foreignRuns: number;
  /** Exponentially weighted mean of the answer time; 0 before the first answer. */
  readonly latencyMs: number;
  readonly weight: number;
}

/** All that the router knows of the mesh. `revision` changes whenever anything but load changes: caches key on it. */
export interface MeshSnapshot {
  readonly nodes: readonly NodeView[];
  readonly groups: readonly Group[];
  readonly revision: number;
}
