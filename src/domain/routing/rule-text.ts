import { issueLines, MeshError } from "../../protocol/errors.ts";
import { RuleMatch } from "../../protocol/rule.ts";
import { toContentPattern } from "./match-content.ts";
import {
  endOfPattern,
  escapeText,
  givenTwice,
  parseFlag,
  parseMemoryGb,
  parseValue,
  splitConditions,
  splitList,
  type TextCondition,
  unescapeText,
  unknownKey,
} from "./text-conditions.ts";

const code = "RULE_INVALID";

/** The conditions that a rule text may hold, and the field of `match` that each one sets. */
const fields = {
  content: "content",
  source: "source",
  session: "session",
  label: "labels",
  gpu: "requires_gpu",
  os: "requires_os",
  arch: "requires_arch",
  skill: "requires_skill",
  skills: "requires_skills",
  "any-skill": "requires_any_skill",
  tag: "requires_tag",
  group: "requires_group",
  runtime: "requires_runtime",
  memory: "min_memory_gb",
  wildcard: "wildcard",
} as const satisfies Record<string, keyof RuleMatch>;

/**
 * Reads what a rule matches from the command line: `gpu:true`, `os:darwin,skills:docker+python`, `content:/a|b/i`,
 * `content:train+deploy`, `source:telegram:*`, `label:team=web`, `memory:>=32`, `*`. Commas join; a backslash takes the
 * meaning from the next character. Throws RULE_INVALID.
 */
export function parseRuleMatch(text: string): RuleMatch {
  const found = new Map<keyof RuleMatch, unknown>();
  for (const condition of splitConditions(text)) {
    if (condition.key === "*" && condition.value === null) {
      found.set("wildcard", true);
      continue;
    }
    const field = fieldOf(condition.key);
    if (field === "labels") {
      found.set(field, { ...(found.get(field) as RuleMatch["labels"]), ...parseLabel(condition) });
    } else if (found.has(field)) {
      throw givenTwice(condition.key, code);
    } else {
      found.set(field, parseField(field, condition));
    }
  }
  const parsed = RuleMatch.safeParse(Object.fromEntries(found));
  if (parsed.success) return parsed.data;
  throw new MeshError(code, `the match "${text}" is not valid: ${issueLines(parsed.error).join("; ")}`);
}

/** The inverse of {@link parseRuleMatch}. */
export function printRuleMatch(match: RuleMatch): string {
  const parts: string[] = [];
  for (const [key, field] of Object.entries(fields)) {
    const value = match[field];
    if (value === undefined) continue;
    if (field === "wildcard") parts.push("*");
    else if (field === "content") parts.push(`content:${printContent(value as string | string[])}`);
    else if (field === "labels") {
      for (const [name, wanted] of Object.entries(value)) {
        parts.push(`label:${escapeLabelName(name)}=${escapeText(wanted)}`);
      }
    } else if (field === "min_memory_gb") parts.push(`memory:>=${value}`);
    else if (Array.isArray(value)) parts.push(`${key}:${value.map(escapeText).join("+")}`);
    else parts.push(`${key}:${escapeText(String(value))}`);
  }
  return parts.join(",");
}

function fieldOf(key: string): keyof RuleMatch {
  const field = Object.entries(fields).find(([name]) => name === key)?.[1];
  if (field === undefined) throw unknownKey(key, Object.keys(fields), code);
  return field;
}

function parseField(field: keyof RuleMatch, condition: TextCondition): unknown {
  switch (field) {
    case "requires_gpu":
      return condition.value?.toLowerCase() === "false" ? false : parseFlag(condition, code);
    case "wildcard":
      return parseFlag(condition, code);
    case "min_memory_gb":
      return parseMemoryGb(condition.value ?? "", code);
    case "requires_skills":
    case "requires_any_skill":
      parseValue(condition, code);
      return splitList(condition.value ?? "");
    case "requires_os":
    case "requires_arch":
    case "requires_runtime":
      return parseValue(condition, code).toLowerCase();
    case "content":
      return parseContent(condition);
    default:
      return parseValue(condition, code);
  }
}

function parseContent(condition: TextCondition): string | readonly string[] {
  parseValue(condition, code);
  const value = condition.value ?? "";
  if (!value.startsWith("/")) return splitList(value);
  if (endOfPattern(value, 0) > 0) return value;
  throw new MeshError(code, `the content pattern ${value} has no closing /`, {
    hint: "Write content:/pattern/, or content:word+word for words.",
  });
}

function parseLabel(condition: TextCondition): Readonly<Record<string, string>> {
  const value = condition.value ?? "";
  const found = /^((?:\\.|[^\\=])+)=(.*)$/su.exec(value);
  if (found === null) {
    throw new MeshError(code, `the label "${value}" is not a pair`, { hint: "Write label:key=value." });
  }
  return { [unescapeText(found[1] ?? "")]: unescapeText(found[2] ?? "") };
}

function escapeLabelName(name: string): string {
  return escapeText(name).replaceAll("=", "\\=");
}

function printContent(content: string | readonly string[]): string {
  const pattern = toContentPattern(content);
  if (pattern.kind === "words") return pattern.words.map(escapeText).join("+");
  return `/${escapeSlashes(pattern.source)}/${pattern.flags}`;
}

/** A pattern of the API may hold bare slashes; in a text the first one would end it. */
function escapeSlashes(source: string): string {
  let rest = `/${source}/`;
  let escaped = "";
  for (;;) {
    const end = endOfPattern(rest, 0);
    if (end < 0 || end === rest.length - 1) return escaped + rest.slice(1, -1);
    escaped += `${rest.slice(1, end)}\\/`;
    rest = rest.slice(end);
  }
}
