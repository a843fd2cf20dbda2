import type { NodeStatus } from "../../protocol/node.ts";

/** Time between two probes of a node. */
export const probeIntervalMs = 10_000;

/** Longest wait for the answer to a probe. */
export const probeLimitMs = 3_000;

/** Probes in a row that may fail before the node counts as offline. */
export const maxFailedProbes = 3;

/** How long a node may go without a heartbeat. */
export const heartbeatLimitMs = 30_000;

/** What is known of a direct node from its heartbeats and from calling it. Times are monotonic. */
export interface NodeHealth {
  /** The newest call that says so reached it, and not too many have failed since. */
  readonly isReachable: boolean;
  readonly failedProbes: number;
  readonly heartbeatAtMs: number;
  /** As its last heartbeat said. */
  readonly status: NodeStatus;
}

export type HealthEvent =
  | { readonly kind: "heartbeat"; readonly status: NodeStatus }
  | { readonly kind: "probe_succeeded" }
  | { readonly kind: "probe_failed" }
  /** Nobody listens at its address: a call was not even taken. */
  | { readonly kind: "not_taken" };

/** A node that has just registered is there until the contrary is known; one of a former process only when it answers. */
export function newHealth(nowMs: number, isReachable: boolean): NodeHealth {
  return { isReachable, failedProbes: 0, heartbeatAtMs: nowMs, status: "online" };
}

export function nextHealth(health: NodeHealth, event: HealthEvent, nowMs: number): NodeHealth {
  switch (event.kind) {
    case "heartbeat":
      return { ...health, heartbeatAtMs: nowMs, status: event.status };
    case "probe_succeeded":
      return { ...health, isReachable: true, failedProbes: 0 };
    case "probe_failed": {
      const failedProbes = health.failedProbes + 1;
      return {
        ...health,
        failedProbes,
        isReachable: health.isReachable && failedProbes < maxFailedProbes,
      };
    }
    case "not_taken":
      return { ...health, isReachable: false };
  }
}

/** Why the node cannot take work; null: it is online. */
export function offlineReason(health: NodeHealth, nowMs: number): string | null {
  if (health.status === "offline") return "it said that it is going offline";
  if (!health.isReachable) return "its endpoint does not answer";
  if (nowMs - health.heartbeatAtMs > heartbeatLimitMs) return "no heartbeat";
  return null;
}
