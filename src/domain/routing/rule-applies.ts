import type { NodeNeeds } from "./capable.ts";
import type { CompiledRule, CompiledRules } from "./compile-rules.ts";
import { type InferredRequirement, needsAllOf } from "./infer-requirements.ts";
import { matchGlob } from "./match-glob.ts";
import type { RoutingMessage } from "./routing-message.ts";

/** A message with what rules ask of it, each worked out when the first rule asks. */
export interface MessageReading {
  readonly message: RoutingMessage;
  readonly declared: NodeNeeds | null;
  readonly inferred: readonly InferredRequirement[];
  sourceKey: string | null;
  sessionKey: string | null;
  rulesByWords: ReadonlySet<CompiledRule> | null;
}

export function readMessage(
  message: RoutingMessage,
  declared: NodeNeeds | null,
  inferred: readonly InferredRequirement[],
): MessageReading {
  return { message, declared, inferred, sourceKey: null, sessionKey: null, rulesByWords: null };
}

/**
 * A rule that looks at the message applies when all it looks at holds; its needs then only constrain the nodes. A rule
 * of needs alone applies to messages that need those things, declared or inferred. One that refuses leads to no nodes: it
 * applies when both hold.
 */
export function ruleApplies(rule: CompiledRule, reading: MessageReading, rules: CompiledRules): boolean {
  if (rule.isWildcard) return true;
  if (!rule.hasMessageSide) return rule.needs !== null && areNeeded(rule.needs, reading);
  return (
    (rule.untrusted === null || rule.untrusted === reading.message.isUntrusted) &&
    (!rule.isRefusal || rule.needs === null || areNeeded(rule.needs, reading)) &&
    sourceFits(rule, reading) &&
    sessionFits(rule, reading) &&
    labelsFit(rule, reading.message) &&
    contentFits(rule, reading, rules)
  );
}

function areNeeded(needs: NodeNeeds, { declared, inferred }: MessageReading): boolean {
  return needsAllOf(needs, declared, inferred);
}

function sourceFits(rule: CompiledRule, reading: MessageReading): boolean {
  if (rule.sourceGlob === null) return true;
  reading.sourceKey ??= reading.message.source.toLowerCase();
  return matchGlob(rule.sourceGlob, reading.sourceKey);
}

function sessionFits(rule: CompiledRule, reading: MessageReading): boolean {
  if (rule.sessionGlob === null) return true;
  if (reading.message.session === null) return false;
  reading.sessionKey ??= reading.message.session.toLowerCase();
  return matchGlob(rule.sessionGlob, reading.sessionKey);
}

function labelsFit(rule: CompiledRule, message: RoutingMessage): boolean {
  if (rule.labels === null) return true;
  for (const [key, value] of rule.labels) {
    if (!Object.hasOwn(message.labels, key) || message.labels[key] !== value) return false;
  }
  return true;
}

function contentFits(rule: CompiledRule, reading: MessageReading, rules: CompiledRules): boolean {
  if (rule.isRefusal) {
    const hasContent = rule.contentRegex !== null || rule.hasContentWords;
    return !hasContent || rules.isRefusedText(rule, reading.message);
  }
  if (rule.contentRegex !== null) return rule.contentRegex(reading.message.content);
  if (!rule.hasContentWords) return true;
  reading.rulesByWords ??= new Set(rules.contentWords.find(reading.message.content).map((hit) => hit.value));
  return reading.rulesByWords.has(rule);
}
