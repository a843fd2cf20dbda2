import type { Decision, RefusalReason } from "../../protocol/decision.ts";
import { fromIsoTime } from "./iso-time.ts";

const reasonTexts: Readonly<Record<RefusalReason, string>> = {
  offline: "offline",
  not_ready: "not ready",
  cordoned: "cordoned",
  draining: "draining",
  breaker_open: "failing too often",
  not_capable: "not capable",
  not_target: "not asked for",
  full: "full",
  already_tried: "already tried",
};

/** Most nodes that one sentence names. */
const maxListed = 3;

/** A decision in a few English sentences: where the message goes, by what, and what would unblock it. */
export function summarizeDecision(decision: Decision, nowMs: number): string {
  const sentences = [
    outcomeText(decision, nowMs),
    inferredText(decision),
    passedOverText(decision),
    refusedText(decision),
  ];
  return sentences.filter((sentence) => sentence !== null).join(" ");
}

/** What would let a message go on: `a node with os=darwin; mac-mini has it, offline for 14 min`. null: nothing is missing. */
export function unblockText(decision: Decision, nowMs: number): string | null {
  if (decision.unblock.length === 0) return null;
  return decision.unblock.map((entry) => unblockEntryText(entry, nowMs)).join("; ");
}

/** `8 s`, `14 min`, `3 h`, `2 d`. */
export function durationText(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

function outcomeText(decision: Decision, nowMs: number): string {
  const first = decision.ranking[0];
  const byWhat = byWhatText(decision);
  if (decision.outcome === "assigned" && first !== undefined) {
    return `Goes to ${first.name} ${byWhat ?? `by default (${decision.strategy})`}: ${first.why}.`;
  }
  const missing = unblockText(decision, nowMs) ?? "a node";
  const how = byWhat === null ? "" : ` ${byWhat}`;
  return decision.outcome === "waiting"
    ? `Waits${how} for ${missing}.`
    : `No node fits${how}. It needs ${missing}.`;
}

/** null: nothing but the default. */
function byWhatText({ rule, session, target, strategy }: Decision): string | null {
  if (rule !== null) {
    const where = rule.target === null ? "" : ` to ${rule.target}`;
    return `by rule ${rule.position} (${rule.text}${where}, ${strategy})`;
  }
  // Without a rule only the node of a conversation is chosen so.
  if (session !== null && strategy === "sticky") return `as part of the conversation ${session.name}`;
  return target === null ? null : `as its sender asked (${target})`;
}

function inferredText({ inferred }: Decision): string | null {
  if (inferred.length === 0) return null;
  const needs = inferred.map(({ need, because }) => `${need} because of "${because}"`);
  return `The text hints at ${needs.join(", ")}.`;
}

function passedOverText({ passed_over: passedOver }: Decision): string | null {
  if (passedOver.length === 0) return null;
  const rules = passedOver.slice(0, maxListed).map(({ position, text }) => `${position} (${text})`);
  const noun = passedOver.length === 1 ? "Rule" : "Rules";
  return `${noun} ${joinSome(rules, passedOver.length)} applied too, without a node that can serve.`;
}

function refusedText({ refused }: Decision): string | null {
  const counts = Object.entries(refused.counts);
  if (counts.length === 0) return null;
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  if (total > maxListed) {
    const parts = counts.map(([reason, count]) => `${count} ${reasonTexts[reason as RefusalReason]}`);
    return `Refused: ${parts.join(", ")}.`;
  }
  const parts = refused.named.map(({ name, reason, detail }) =>
    reason === "not_capable" && detail !== undefined
      ? `${name} (lacks ${detail})`
      : `${name} (${reasonTexts[reason]})`,
  );
  return `Refused: ${parts.join(", ")}.`;
}

function unblockEntryText({ needs, nodes }: Decision["unblock"][number], nowMs: number): string {
  if (nodes.length === 0) return `${needs}; none is there`;
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
  return `${needs}; ${joinSome(
    states.map(({ name, state }) => `${name} has it, ${state}`),
    nodes.length,
  )}`;
}

function joinSome(shown: readonly string[], total: number): string {
  const more = total - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
