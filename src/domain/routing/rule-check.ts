import { MeshError } from "../../protocol/errors.ts";
import { nearestName } from "../../protocol/nearest-name.ts";
import { type RuleInput, type RuleMatch, StrategyName } from "../../protocol/rule.ts";
import { toRuleNeeds } from "./capable.ts";
import { compileContentRegex, toContentPattern } from "./match-content.ts";
import type { MeshSnapshot } from "./mesh-snapshot.ts";

/** Refuses a rule that cannot mean what its author meant. Throws RULE_INVALID. */
export function validateRule(rule: RuleInput): void {
  const criteria = criteriaOf(rule.match);
  if (criteria.length === 0) {
    throw new MeshError("RULE_INVALID", "the rule matches nothing", {
      hint: "Say what it matches, such as gpu:true, or * for every message.",
    });
  }
  if (rule.match.wildcard === true && criteria.length > 1) {
    const others = criteria.filter((criterion) => criterion !== "wildcard").join(", ");
    throw new MeshError(
      "RULE_INVALID",
      `a wildcard rule matches everything and cannot also have: ${others}`,
      {
        hint: "Leave out either the wildcard or the other conditions.",
      },
    );
  }
  if (rule.target !== undefined && rule.targets !== undefined) {
    throw new MeshError("RULE_INVALID", "the rule has both target and targets", {
      hint: "Use target for one, targets for a fallback chain.",
    });
  }
  validateRefusal(rule);
  validateStrategy(rule.strategy);
  validateContent(rule.match.content);
}

/** The rules around one, in their order. */
export interface RuleNeighbours {
  readonly earlier: readonly RuleInput[];
  readonly later: readonly RuleInput[];
}

/**
 * What is odd about a rule and may become right later: targets and groups that are not there (yet), a guard behind a rule
 * that takes all, and one that lets messages go elsewhere when its nodes are away.
 */
export function ruleWarnings(
  rule: RuleInput,
  mesh: MeshSnapshot,
  { earlier, later }: RuleNeighbours = { earlier: [], later: [] },
): readonly string[] {
  const groups = mesh.groups.map((group) => group.name);
  const names = [...mesh.nodes.map((node) => node.name), ...groups];
  const ids = mesh.nodes.map((node) => node.id);
  const targets = rule.targets ?? (rule.target === undefined ? [] : [rule.target]);
  const unknown = targets.filter((target) => !includesName([...names, ...ids], target));
  const warnings = unknown.map(
    (target) => `no node or group is called "${target}" yet${meant(target, names)}`,
  );
  const group = rule.match.requires_group;
  if (group !== undefined && !includesName(groups, group)) {
    warnings.push(`no group is called "${group}" yet${meant(group, groups)}`);
  }
  const index = isGuard(rule) ? earlier.findIndex(takesAll) : -1;
  if (index >= 0) {
    warnings.push(
      `rule ${index + 1} (*) takes every message before this one; move this one up: claw-mesh route move ${earlier.length + 1} --first`,
    );
  }
  if (isLeaky(rule) && !later.some((other) => refusesAllOf(other, rule))) {
    warnings.push(
      "when none of its nodes can take a message, that goes to other nodes; add --otherwise queue or --otherwise fail, or a rule behind this one: claw-mesh route add --match untrusted:true --refuse",
    );
  }
  return warnings;
}

/** It leads the untrusted label to some nodes, and does not say that these are all. */
function isLeaky(rule: RuleInput): boolean {
  const { untrusted, ...others } = rule.match;
  if (untrusted !== true || rule.refuse === true) return false;
  const leads = rule.target !== undefined || rule.targets !== undefined || toRuleNeeds(others) !== null;
  return leads && (rule.otherwise === undefined || rule.otherwise === "next");
}

function refusesAllOf(other: RuleInput, { match }: RuleInput): boolean {
  if (other.refuse !== true) return false;
  if (other.match.wildcard === true) return true;
  const asked = criteriaOf(other.match);
  if (asked.length === 1 && other.match.untrusted === true) return true;
  return JSON.stringify(other.match) === JSON.stringify(match);
}

/** Its author counts on it for safety. */
function isGuard(rule: RuleInput): boolean {
  return rule.refuse === true || rule.match.untrusted === true;
}

function takesAll(rule: RuleInput): boolean {
  const leads = rule.target !== undefined || rule.targets !== undefined;
  return rule.match.wildcard === true && rule.refuse !== true && !leads;
}

/** `requires_gpu: false` asks for nothing and does not count. */
function criteriaOf(match: RuleMatch): readonly string[] {
  return Object.entries(match)
    .filter(([key, value]) => value !== undefined && (value !== false || key === "untrusted"))
    .filter(([key]) => key !== "labels" || Object.keys(match.labels ?? {}).length > 0)
    .map(([key]) => key);
}

/** What is refused goes nowhere. */
function validateRefusal(rule: RuleInput): void {
  if (rule.refuse !== true) return;
  const { target, targets, strategy, otherwise } = rule;
  const beside = Object.entries({ target, targets, strategy, otherwise }).filter(
    ([, value]) => value !== undefined,
  );
  if (beside.length === 0) return;
  throw new MeshError(
    "RULE_INVALID",
    `the rule refuses messages and cannot also have: ${beside.map(([key]) => key).join(", ")}`,
    {
      hint: "Leave it out, or make two rules: the first one leads somewhere, the second one refuses the rest.",
    },
  );
}

/** Types promise a known strategy; a rule of a file or an old database may still hold another. */
function validateStrategy(strategy: string | undefined): void {
  if (strategy === undefined || StrategyName.safeParse(strategy).success) return;
  const nearest = nearestName(strategy, StrategyName.options);
  throw new MeshError("RULE_INVALID", `unknown strategy "${strategy}"`, {
    hint:
      nearest === null
        ? `The strategies are: ${StrategyName.options.join(", ")}.`
        : `Did you mean "${nearest}"?`,
  });
}

function validateContent(content: RuleMatch["content"]): void {
  if (content === undefined) return;
  const pattern = toContentPattern(content);
  if (pattern.kind === "regex") {
    compileContentRegex(pattern.source, pattern.flags);
  } else if (pattern.words.some((word) => word.trim() === "")) {
    throw new MeshError("RULE_INVALID", "a content word is empty", { hint: "Leave it out." });
  }
}

function includesName(names: readonly string[], wanted: string): boolean {
  const key = wanted.toLowerCase();
  return names.some((name) => name.toLowerCase() === key);
}

function meant(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null ? "" : `; did you mean "${nearest}"?`;
}
