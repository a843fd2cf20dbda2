import {
  type Criterion,
  createValueReaders,
  escapeText,
  splitCriteria,
  splitUnescaped,
  unescapeText,
} from "./criteria-text.ts";
import { issueLines, MeshError } from "./errors.ts";
import { nearestName } from "./nearest-name.ts";
import { requirementTextKeys } from "./requirement-text.ts";
import { labelKeyProblem, RuleMatch } from "./rule.ts";

/** Keys of {@link parseRuleMatch}, in the order {@link printRuleMatch} writes them. */
export const ruleTextKeys = [
  ...requirementTextKeys,
  "source",
  "session",
  "label",
  "untrusted",
  "content",
  "wildcard",
] as const;

const ruleTextHint = "For example: gpu:true  os:darwin,skill:xcode  content:/train|fine-?tune/i  *";

const { readWord, readWords, readMemory } = createValueReaders({
  separator: ":",
  example: { memory: "memory:>=32" },
  invalid,
});

/**
 * Reads the match of a rule as people type it: `gpu:true,os:darwin`, `content:/train|fine-?tune/i`, `*`.
 * @throws MeshError RULE_INVALID, naming the criterion
 */
export function parseRuleMatch(text: string): RuleMatch {
  const draft: Record<string, unknown> = {};
  const labels: Record<string, string> = {};
  for (const criterion of splitCriteria(text)) {
    if (criterion.key === "label") {
      const [key, value] = readLabel(criterion);
      if (Object.hasOwn(labels, key)) throw invalid(`label "${key}" is given twice`);
      labels[key] = value;
      draft.labels = labels;
      continue;
    }
    const [field, value] = readCriterion(criterion);
    if (Object.hasOwn(draft, field)) throw invalid(`"${criterion.key}" is given twice in "${text}"`);
    draft[field] = value;
  }
  const match = RuleMatch.safeParse(draft);
  if (!match.success) throw invalid(`"${text}": ${issueLines(match.error).join("; ")}`);
  return match.data;
}

/** Inverse of {@link parseRuleMatch} for every match it can give. */
export function printRuleMatch(match: RuleMatch): string {
  const parts: string[] = [];
  const add = (key: string, value: string | number | boolean | undefined) => {
    if (value !== undefined)
      parts.push(`${key}:${typeof value === "string" ? escapeText(value, ",") : value}`);
  };
  const addList = (key: string, words: readonly string[] | undefined) => {
    if (words !== undefined) parts.push(`${key}:${printWords(words)}`);
  };
  add("gpu", match.requires_gpu);
  add("os", match.requires_os);
  add("arch", match.requires_arch);
  add("skill", match.requires_skill);
  addList("skills", match.requires_skills);
  addList("any-skill", match.requires_any_skill);
  add("tag", match.requires_tag);
  add("group", match.requires_group);
  add("runtime", match.requires_runtime);
  if (match.min_memory_gb !== undefined) parts.push(`memory:>=${match.min_memory_gb}`);
  add("source", match.source);
  add("session", match.session);
  for (const [key, value] of Object.entries(match.labels ?? {})) {
    parts.push(`label:${escapeText(key, ",=")}=${escapeText(value, ",")}`);
  }
  add("untrusted", match.untrusted);
  if (match.content !== undefined) parts.push(`content:${printContent(match.content)}`);
  if (match.wildcard === true) parts.push("*");
  return parts.join(",");
}

function readCriterion(criterion: Criterion): readonly [field: keyof RuleMatch, value: unknown] {
  switch (criterion.key) {
    case "*":
    case "wildcard":
      return ["wildcard", readBoolean(criterion)];
    case "gpu":
      return ["requires_gpu", readBoolean(criterion)];
    case "os":
      return ["requires_os", readWord(criterion).toLowerCase()];
    case "arch":
      return ["requires_arch", readWord(criterion).toLowerCase()];
    case "skill":
      return ["requires_skill", readWord(criterion)];
    case "skills":
      return ["requires_skills", readWords(criterion)];
    case "any-skill":
      return ["requires_any_skill", readWords(criterion)];
    case "tag":
      return ["requires_tag", readWord(criterion)];
    case "group":
      return ["requires_group", readWord(criterion)];
    case "runtime":
      return ["requires_runtime", readWord(criterion).toLowerCase()];
    case "memory":
      return ["min_memory_gb", readMemory(criterion)];
    case "source":
      return ["source", readWord(criterion)];
    case "session":
      return ["session", readWord(criterion)];
    case "untrusted":
      return ["untrusted", readBoolean(criterion)];
    case "content":
      return ["content", readContent(criterion)];
    default:
      throw invalid(
        criterion.text === ""
          ? "a rule needs at least one criterion, and none between two commas may be empty"
          : `"${criterion.text}" is not a criterion; known are ${ruleTextKeys.join(", ")} and *`,
        hintForKey(criterion.key),
      );
  }
}

function readBoolean(criterion: Criterion): boolean {
  const value = criterion.value?.toLowerCase() ?? "true";
  if (value !== "true" && value !== "false") {
    throw invalid(`"${criterion.text}" must be ${criterion.key}:true or ${criterion.key}:false`);
  }
  return value === "true";
}

function readLabel(criterion: Criterion): readonly [key: string, value: string] {
  const [key = "", ...rest] = splitUnescaped(criterion.value ?? "", "=");
  if (key === "" || rest.length === 0) throw invalid(`"${criterion.text}" must be like label:key=value`);
  const problem = labelKeyProblem(unescapeText(key));
  if (problem !== null) throw invalid(problem);
  return [unescapeText(key), unescapeText(rest.join("="))];
}

function readContent(criterion: Criterion): string | readonly string[] {
  const value = criterion.value ?? "";
  if (/^\/[\s\S]+\/[a-z]*$/i.test(value)) return value;
  if (value.startsWith("/")) throw invalid(`"${criterion.text}" lacks the closing slash of its pattern`);
  return readWords(criterion);
}

function printContent(content: string | readonly string[]): string {
  if (typeof content !== "string") return printWords(content, "/");
  const pattern = /^\/([\s\S]+)\/([a-z]*)$/i.exec(content);
  if (pattern === null) return printWords([content], "/");
  const [, body = "", flags = ""] = pattern;
  // Only a slash that could be taken for the closing one is changed, and only in its spelling.
  const unambiguous = body.replaceAll(/\\[\s\S]|\/(?=[a-z]*\s*,)/gi, (part) => (part === "/" ? "\\/" : part));
  return `/${unambiguous}/${flags}`;
}

function printWords(words: readonly string[], alsoSpecial = ""): string {
  return words.map((word) => escapeText(word, `,+${alsoSpecial}`)).join("+");
}

function hintForKey(key: string): string {
  const nearest = nearestName(key, ruleTextKeys);
  return nearest === null ? ruleTextHint : `Did you mean ${nearest}?`;
}

function invalid(message: string, hint = ruleTextHint): MeshError {
  return new MeshError("RULE_INVALID", message, { hint });
}
