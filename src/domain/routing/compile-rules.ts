import type { Rule } from "../../protocol/rule.ts";
import { printRuleMatch } from "../../protocol/rule-text.ts";
import { type NodeNeeds, toRuleNeeds } from "./capable.ts";
import type { RuleWords } from "./infer-requirements.ts";
import { type ContentTest, compileContentRegex, toContentPattern } from "./match-content.ts";
import { createRefusedText, type RefusedText } from "./refused-text.ts";
import { strategyNamed } from "./strategies/index.ts";
import type { Strategy } from "./strategies/strategy.ts";
import { createTermMatcher, type TermMatcher } from "./term-matcher.ts";

/** A rule made ready for matching. Globs are in lower case. */
export interface CompiledRule {
  readonly rule: Rule;
  /** From 1, in the order in which rules are tried. */
  readonly position: number;
  /** What it matches, in the words of the command line. */
  readonly text: string;
  readonly isWildcard: boolean;
  /** Messages that it applies to are refused. */
  readonly isRefusal: boolean;
  /** It asks for the untrusted label: it holds whatever target or conversation was chosen. */
  readonly isBinding: boolean;
  /** It looks at content, source, labels, session or the untrusted label of the message. */
  readonly hasMessageSide: boolean;
  readonly untrusted: boolean | null;
  readonly sourceGlob: string | null;
  readonly sessionGlob: string | null;
  readonly labels: readonly (readonly [key: string, value: string])[] | null;
  readonly contentRegex: ContentTest | null;
  /** Its words are in {@link CompiledRules.contentWords}, or known to {@link CompiledRules.isRefusedText}, under this rule. */
  readonly hasContentWords: boolean;
  readonly needs: NodeNeeds | null;
  /** null: any node. */
  readonly targets: readonly string[] | null;
  /** The targets in words; null: any node. */
  readonly targetText: string | null;
  readonly strategy: Strategy;
}

/** All rules, compiled once whenever they change. */
export interface CompiledRules {
  readonly rules: readonly CompiledRule[];
  /** One pass over a message finds the words of all rules, but for those that refuse. */
  readonly contentWords: TermMatcher<CompiledRule>;
  /** Whether the `content` of a rule that refuses is in a text. */
  readonly isRefusedText: RefusedText;
  readonly ruleWords: RuleWords;
  /** Some refuse, or hold whatever was chosen. */
  readonly hasGuards: boolean;
}

/** Throws RULE_INVALID when a content pattern is wrong; `validateRule` finds that before a rule is stored. */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  const compiled = rules.map((rule, index) => compileRule(rule, index + 1));
  const needs = compiled.flatMap((rule) => rule.needs ?? []);
  const wordsOf = (some: readonly CompiledRule[]) =>
    createTermMatcher(some.flatMap((value) => contentWordsOf(value.rule).map((term) => ({ term, value }))));
  return {
    rules: compiled,
    contentWords: wordsOf(compiled.filter(({ isRefusal }) => !isRefusal)),
    isRefusedText: createRefusedText(wordsOf(compiled.filter(({ isRefusal }) => isRefusal))),
    hasGuards: compiled.some(({ isRefusal, isBinding }) => isRefusal || isBinding),
    ruleWords: {
      abilities: new Set(needs.flatMap((need) => [...need.abilities, ...need.anyAbility, ...need.tags])),
      groups: new Set(needs.flatMap((need) => need.group ?? [])),
    },
  };
}

function compileRule(rule: Rule, position: number): CompiledRule {
  const { content, source, session, labels, untrusted } = rule.match;
  const pattern = content === undefined ? null : toContentPattern(content);
  const targets = rule.targets ?? (rule.target === undefined ? null : [rule.target]);
  return {
    rule,
    position,
    text: printRuleMatch(rule.match),
    isWildcard: rule.match.wildcard === true,
    hasMessageSide: [content, source, session, labels, untrusted].some(
      (condition) => condition !== undefined,
    ),
    isRefusal: rule.refuse === true,
    isBinding: untrusted === true,
    untrusted: untrusted ?? null,
    sourceGlob: source?.toLowerCase() ?? null,
    sessionGlob: session?.toLowerCase() ?? null,
    labels: labels === undefined ? null : Object.entries(labels),
    contentRegex: pattern?.kind === "regex" ? compileContentRegex(pattern.source, pattern.flags) : null,
    hasContentWords: pattern?.kind === "words",
    needs: toRuleNeeds(rule.match),
    targets,
    targetText: targets?.join(", then ") ?? null,
    strategy: strategyNamed(rule.strategy ?? "least-busy"),
  };
}

function contentWordsOf(rule: Rule): readonly string[] {
  const pattern = rule.match.content === undefined ? null : toContentPattern(rule.match.content);
  return pattern?.kind === "words" ? pattern.words : [];
}
