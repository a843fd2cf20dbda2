import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import { printRequirements } from "../../protocol/requirement-text.ts";
import type { Group, Rule } from "../../protocol/rule.ts";
import { printRuleMatch } from "../../protocol/rule-text.ts";
import { renderTable } from "./table.ts";

export function renderRules(rules: readonly Rule[], texts: Catalogue, output: Output): string {
  if (rules.length === 0) return `${texts.rules.none}\n`;
  const { columns } = texts.rules;
  return renderTable<{ readonly rule: Rule; readonly position: number }>(
    [
      { header: columns.position, cell: ({ position }) => ({ text: String(position) }) },
      { header: columns.id, cell: ({ rule }) => ({ text: rule.id }), minWidth: 12, dropOrder: 1 },
      { header: columns.match, cell: ({ rule }) => ({ text: printRuleMatch(rule.match) }), minWidth: 12 },
      { header: columns.target, cell: ({ rule }) => ({ text: targetText(rule, texts) }), minWidth: 8 },
      {
        header: columns.strategy,
        cell: ({ rule }) => ({ text: rule.strategy ?? texts.table.none }),
        dropOrder: 2,
      },
      {
        header: columns.origin,
        cell: ({ rule }) => ({ text: texts.rules.origins[rule.origin] }),
        dropOrder: 3,
      },
    ],
    rules.map((rule, index) => ({ rule, position: index + 1 })),
    output,
  );
}

export function renderGroups(groups: readonly Group[], texts: Catalogue, output: Output): string {
  if (groups.length === 0) return `${texts.groups.none}\n`;
  const { columns } = texts.groups;
  return renderTable<Group>(
    [
      { header: columns.name, cell: (group) => ({ text: group.name }), minWidth: 8 },
      {
        header: columns.nodes,
        cell: (group) => ({ text: group.nodes.join(", ") || texts.table.none }),
        minWidth: 8,
      },
      { header: columns.match, cell: (group) => ({ text: groupMatchText(group, texts) }), minWidth: 8 },
      {
        header: columns.origin,
        cell: (group) => ({ text: texts.rules.origins[group.origin] }),
        dropOrder: 1,
      },
    ],
    groups,
    output,
  );
}

function targetText(rule: Rule, texts: Catalogue): string {
  if (rule.refuse === true) return texts.rules.refuses;
  return rule.target ?? rule.targets?.join(", ") ?? texts.table.none;
}

function groupMatchText({ match }: Group, texts: Catalogue): string {
  if (match === undefined) return texts.table.none;
  const { gpu, skill, tag, ...same } = match;
  const text = printRequirements({
    ...same,
    ...(gpu === true ? { gpu } : {}),
    ...(skill === undefined ? {} : { skills: [skill] }),
    ...(tag === undefined ? {} : { tags: [tag] }),
  });
  return gpu === false ? ["gpu=false", text].filter((part) => part !== "").join(",") : text;
}
