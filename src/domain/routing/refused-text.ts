import type { CompiledRule } from "./compile-rules.ts";
import type { RoutingMessage } from "./routing-message.ts";
import { maxScannedLength, type TermMatcher } from "./term-matcher.ts";

/**
 * Whether the `content` of a rule that refuses, which has one, is in the text of a message. Unlike other rules it reads all
 * of the text, and once more without characters that nobody sees: else a sender would hide a word behind spaces or in it.
 */
export type RefusedText = (rule: CompiledRule, message: RoutingMessage) => boolean;

/** Characters without width, marks of direction, variation selectors, tags. */
const unseen = /\p{Default_Ignorable_Code_Point}/gu;

const whole = Number.POSITIVE_INFINITY;

/** What was found in one text. */
interface Findings {
  byWords: ReadonlySet<CompiledRule> | null;
  readonly byRegex: Map<CompiledRule, boolean>;
}

/** @param words of the rules that refuse */
export function createRefusedText(words: TermMatcher<CompiledRule>): RefusedText {
  /** Of long texts: a message that waits is decided again and again. */
  const kept = new WeakMap<RoutingMessage, Findings>();

  function findingsOf(message: RoutingMessage): Findings {
    const known = kept.get(message);
    if (known !== undefined) return known;
    const findings: Findings = { byWords: null, byRegex: new Map() };
    if (message.content.length > maxScannedLength) kept.set(message, findings);
    return findings;
  }

  return (rule, message) => {
    const findings = findingsOf(message);
    const { contentRegex } = rule;
    if (contentRegex === null) {
      findings.byWords ??= new Set(
        textsOf(message).flatMap((text) => words.find(text, whole).map(({ value }) => value)),
      );
      return findings.byWords.has(rule);
    }
    const isFound = findings.byRegex.get(rule) ?? textsOf(message).some((text) => contentRegex(text, whole));
    findings.byRegex.set(rule, isFound);
    return isFound;
  };
}

function textsOf({ content }: RoutingMessage): readonly string[] {
  const seen = content.replace(unseen, "");
  return seen.length === content.length ? [content] : [content, seen];
}
