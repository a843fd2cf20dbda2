import { type CandidateQuestion, hasCandidate } from "./candidates.ts";
import type { CompiledRule, CompiledRules } from "./compile-rules.ts";
import type { Place } from "./mesh-index.ts";
import type { RoutingMemo } from "./routing-memo.ts";
import { type MessageReading, ruleApplies } from "./rule-applies.ts";
import { narrowScope, notTarget, runtimeNotReady, type Scope } from "./scope.ts";

/** What rules do to a message whose node its sender or its conversation has chosen. */
export type GuardVerdict =
  | { readonly kind: "refused"; readonly rule: CompiledRule; readonly passedOver: readonly CompiledRule[] }
  /** Only nodes of the rule, among those the sender named. */
  | {
      readonly kind: "narrowed";
      readonly rule: CompiledRule;
      readonly passedOver: readonly CompiledRule[];
      readonly question: CandidateQuestion;
    };

interface GuardOptions {
  readonly rules: CompiledRules;
  readonly reading: MessageReading;
  /** With the target of the message as its scope. */
  readonly question: CandidateQuestion;
  /** The node of the conversation; null: the sender chose. */
  readonly holder: Place | null;
  readonly memo: RoutingMemo;
}

/**
 * Targets and conversations come before rules, but for two kinds of them: one that refuses, and one that asks for the
 * untrusted label. They hold whatever was chosen, unless an earlier rule that applies leads to the very nodes that were
 * chosen. null: the choice stands.
 */
export function decideGuards(options: GuardOptions): GuardVerdict | null {
  const { rules, reading, question, holder, memo } = options;
  const passedOver: CompiledRule[] = [];
  for (const rule of rules.rules) {
    if (!ruleApplies(rule, reading, rules)) continue;
    if (rule.isRefusal) return { kind: "refused", rule, passedOver };
    const scope = memo.scopeOfRule(question.index, rule);
    if (scope === null || isWithin(scope, question.scope, holder)) return null;
    if (!rule.isBinding) continue;
    const narrowed = { ...question, scope: narrowScope(scope, question.scope) };
    const stopsHere = rule.rule.otherwise !== undefined && rule.rule.otherwise !== "next";
    if (stopsHere || hasCandidate(narrowed))
      return { kind: "narrowed", rule, passedOver, question: narrowed };
    passedOver.push(rule);
  }
  return null;
}

/** Whether something was chosen that is there, and all of it are nodes of the rule. */
function isWithin(scope: Scope, target: Scope | null, holder: Place | null): boolean {
  const chosen = holder === null ? (target?.members ?? []) : [holder];
  return (
    chosen.length > 0 &&
    chosen.every(({ position }) => {
      const tier = scope.tiers[position] ?? notTarget;
      return tier >= 0 || tier === runtimeNotReady;
    })
  );
}
