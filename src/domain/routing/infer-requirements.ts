import { hasGpu, type IsGroupMember, type NodeNeeds } from "./capable.ts";
import { commonWords } from "./common-words.ts";
import {
  builtInTerms,
  minTermLength,
  minUnspacedTermLength,
  stopWords,
  toolNames,
} from "./inference-terms.ts";
import type { MeshIndex } from "./mesh-index.ts";
import type { NodeView } from "./mesh-snapshot.ts";
import { createTermMatcher, hasUnspacedScript, normalizeTerm, type TermMatcher } from "./term-matcher.ts";

/** Something that the text of a message hints at. It selects rules and ranks nodes; it never excludes one. */
export interface InferredNeed {
  readonly kind: "gpu" | "os" | "ability" | "group";
  /** In lower case; empty for `gpu`. */
  readonly value: string;
  /** In the words of the command line: `gpu`, `os=darwin`, `skill=docker`, `tag=studio`, `group=mac-nodes`. */
  readonly text: string;
}

export interface InferredRequirement {
  readonly need: InferredNeed;
  /** The term of the text that says so. */
  readonly because: string;
}

export type Vocabulary = TermMatcher<InferredNeed>;

/** What rules ask for counts even if every node has it, or none: otherwise such a rule could never apply. */
export interface RuleWords {
  readonly abilities: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

/** Most needs that are inferred from one message; the first ones of the text count. */
export const maxInferredNeeds = 16;

/**
 * Most words that one node alone brings to those that are looked for, its first ones, beside the names of tools: a node that
 * calls half a dictionary its skills draws hardly more messages than others. Declared needs and rules know all of its words.
 */
export const maxOwnWords = 8;

/** Most skills and tags of a mesh that are looked for in messages. */
const maxVocabularyWords = 20_000;

const nothingInferred: readonly InferredRequirement[] = [];

/** The words to look for in messages: built-in terms, and the skills, tags and groups of this mesh. */
export function createVocabulary(index: MeshIndex, ruleWords: RuleWords): Vocabulary {
  const terms: { term: string; value: InferredNeed }[] = [];
  for (const entry of builtInTerms) {
    const value: InferredNeed =
      entry.need === "gpu"
        ? { kind: "gpu", value: "", text: "gpu" }
        : { kind: "os", value: entry.need.slice("os=".length), text: entry.need };
    for (const term of entry.terms) terms.push({ term, value });
  }
  for (const [word, isSkill] of abilityWords(index, ruleWords.abilities)) {
    const text = isSkill ? `skill=${word}` : `tag=${word}`;
    terms.push({ term: word, value: { kind: "ability", value: word, text } });
  }
  for (const key of groupWords(index, ruleWords.groups)) {
    terms.push({ term: key, value: { kind: "group", value: key, text: `group=${key}` } });
  }
  return createTermMatcher(terms.filter(({ term }) => isTellingTerm(term)));
}

/** What a message seems to need, from its first 16 KiB; each need once, with the first term that says so. */
export function inferRequirements(content: string, vocabulary: Vocabulary): readonly InferredRequirement[] {
  const hits = vocabulary.find(content);
  if (hits.length === 0) return nothingInferred;
  const inferred: InferredRequirement[] = [];
  for (const { term, value } of hits) {
    if (inferred.some(({ need }) => need.text === value.text)) continue;
    inferred.push({ need: value, because: term });
    if (inferred.length === maxInferredNeeds) break;
  }
  return inferred;
}

export function meetsInferred(node: NodeView, need: InferredNeed, isGroupMember: IsGroupMember): boolean {
  switch (need.kind) {
    case "gpu":
      return hasGpu(node);
    case "os":
      return node.capabilities.os === need.value;
    case "ability":
      return node.abilities.has(need.value);
    case "group":
      return isGroupMember(need.value, node);
  }
}

/** Whether a message, by what it declares and what its text hints at, needs all that a rule names. */
export function needsAllOf(
  ruleNeeds: NodeNeeds,
  declared: NodeNeeds | null,
  inferred: readonly InferredRequirement[],
): boolean {
  const hints = (kind: InferredNeed["kind"], value: string) =>
    inferred.some(({ need }) => need.kind === kind && need.value === value);
  const needsAbility = (word: string) =>
    declared?.abilities.includes(word) ||
    declared?.anyAbility.includes(word) ||
    declared?.tags.includes(word) ||
    hints("ability", word);
  const needsTag = (tag: string) => declared?.tags.includes(tag) || hints("ability", tag);
  const { os, arch, group, runtime, anyAbility } = ruleNeeds;
  return (
    (!ruleNeeds.gpu || declared?.gpu === true || hints("gpu", "")) &&
    (os === null || declared?.os === os || hints("os", os)) &&
    (arch === null || declared?.arch === arch) &&
    (group === null || declared?.group === group || hints("group", group)) &&
    (runtime === null || declared?.runtime === runtime) &&
    ruleNeeds.minMemoryGb <= (declared?.minMemoryGb ?? 0) &&
    ruleNeeds.abilities.every(needsAbility) &&
    ruleNeeds.tags.every(needsTag) &&
    (anyAbility.length === 0 || anyAbility.some(needsAbility))
  );
}

/** Skills and tags that some nodes have and others lack, and those that rules ask for; true for skills. */
function abilityWords(index: MeshIndex, ruleAbilities: ReadonlySet<string>): ReadonlyMap<string, boolean> {
  const holders = new Map<string, { count: number; isSkill: boolean; readonly first: NodeView }>();
  for (const { node } of index.places) {
    for (const word of node.abilities) {
      const holder = holders.get(word);
      const isSkill = !node.tagKeys.has(word);
      if (holder === undefined) holders.set(word, { count: 1, isSkill, first: node });
      else {
        holder.count++;
        holder.isSkill ||= isSkill;
      }
    }
  }
  const words = new Map<string, boolean>();
  for (const word of ruleAbilities) words.set(word, holders.get(word)?.isSkill ?? true);
  const ownWords = new Map<NodeView, number>();
  for (const [word, { count, isSkill, first }] of holders) {
    if (words.size >= maxVocabularyWords) break;
    if (count >= index.places.length || words.has(word)) continue;
    if (!isTellingTerm(word) || commonWords.has(normalizeTerm(word))) continue;
    if (count === 1 && !toolNames.has(word)) {
      const own = (ownWords.get(first) ?? 0) + 1;
      if (own > maxOwnWords) continue;
      ownWords.set(first, own);
    }
    words.set(word, isSkill);
  }
  return words;
}

function groupWords(index: MeshIndex, ruleGroups: ReadonlySet<string>): ReadonlySet<string> {
  const words = new Set(ruleGroups);
  for (const { name } of index.groups) {
    const key = name.toLowerCase();
    if (index.places.some(({ node }) => !index.isGroupMember(key, node))) words.add(key);
  }
  return words;
}

function isTellingTerm(term: string): boolean {
  const key = normalizeTerm(term);
  const minLength = hasUnspacedScript(key) ? minUnspacedTermLength : minTermLength;
  return key.length >= minLength && !stopWords.has(key);
}
