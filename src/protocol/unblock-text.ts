import type { Decision, RefusalReason } from "./decision.ts";
import { fromIsoTime } from "./iso-time.ts";

const reasonTexts: Readonly<Record<RefusalReason, string>> = {
  offline: "offline",
  not_ready: "not ready",
  cordoned: "cordoned",
  draining: "draining",
  breaker_open: "failing too often",
  not_capable: "not capable",
  not_target: "not asked for",
  not_allowed: "not allowed to the sender",
  full: "full",
  already_tried: "already tried",
};

/** What a message needs that needs nothing in particular. */
export const anyNode = "a node";

/** Most nodes that one sentence names. */
const maxListed = 3;

/** What would let a message go on: `a node with os=darwin; mac-mini has it, offline for 14 min`. null: nothing is missing. */
export function unblockText(decision: Decision, nowMs: number): string | null {
  if (decision.unblock.length === 0) return null;
  // Nodes that the sender may not use count as little as those that are not there: it would learn of them.
  const isNobodyOnline = Object.keys(decision.refused.counts).every(
    (reason) => reason === "offline" || reason === "not_allowed",
  );
  return decision.unblock.map((entry) => unblockEntryText(entry, { nowMs, isNobodyOnline })).join("; ");
}

/** `8 s`, `14 min`, `3 h`, `2 d`. */
export function durationText(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

function unblockEntryText(
  { needs, nodes }: Decision["unblock"][number],
  { nowMs, isNobodyOnline }: { readonly nowMs: number; readonly isNobodyOnline: boolean },
): string {
  if (nodes.length === 0)
    return `${needs}; ${isNobodyOnline ? "no online nodes available" : "none is there"}`;
  if (nodes.every(({ reason }) => reason === "full")) {
    const names = nodes.slice(0, maxListed).map(({ name }) => name);
    return `${needs} on ${joinSome(names, nodes.length)}`;
  }
  const states = nodes.slice(0, maxListed).map(({ name, reason, since }) => {
    const duration = since === undefined ? "" : ` for ${durationText(nowMs - fromIsoTime(since))}`;
    return { name, state: `${reasonTexts[reason]}${duration}` };
  });
  const [only] = states;
  if (only !== undefined && nodes.length === 1 && needs.includes(only.name)) return `${needs}, ${only.state}`;
  return `${needs}; ${isNobodyOnline ? "no online nodes available: " : ""}${joinSome(
    states.map(({ name, state }) => (needs === anyNode ? `${name} is ${state}` : `${name} has it, ${state}`)),
    nodes.length,
  )}`;
}

function joinSome(shown: readonly string[], total: number): string {
  const more = total - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
