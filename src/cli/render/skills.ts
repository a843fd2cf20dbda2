import type { AnswerOf } from "../../client/index.ts";
import type { Catalogue } from "../../locale/index.ts";
import type { Output } from "../../platform/terminal.ts";
import type { contract } from "../../protocol/http/contract.ts";
import type { MeshSkill } from "../../protocol/http/skill-routes.ts";
import { toSafeLine } from "./safe-text.ts";
import { renderTable } from "./table.ts";

/** One line for each skill: where it can be used, and where it is present and lacks something. */
export function renderSkills(
  { skills, left_out }: AnswerOf<typeof contract.listSkills>,
  texts: Catalogue,
  output: Output,
): string {
  if (skills.length === 0) return `${texts.skills.none}\n`;
  const { columns } = texts.skills;
  const table = renderTable<MeshSkill>(
    [
      { header: columns.skill, cell: ({ name }) => ({ text: name }), minWidth: 8 },
      { header: columns.nodes, cell: (skill) => ({ text: nodesText(skill, texts) }), minWidth: 12 },
      {
        header: columns.unusable,
        cell: (skill) => ({ text: unusableText(skill, texts), colour: "yellow" }),
        minWidth: 12,
      },
    ],
    skills,
    output,
  );
  return left_out === 0 ? table : `${table}\n${texts.skills.leftOut(left_out)}\n`;
}

/** All that is known of one skill. */
export function renderSkill(skill: MeshSkill, texts: Catalogue): string {
  const { detail, more } = texts.skills;
  const list = (lines: readonly string[], count: number) => [
    ...(lines.length === 0 ? [detail.nobody] : lines),
    ...(count > lines.length ? [more(count - lines.length)] : []),
  ];
  const usable = skill.nodes.map((node) => nodeText(node, texts));
  const lacking = skill.unusable.map((node) => detail.lacks(nodeText(node, texts), node.missing.join(", ")));
  const lines = [
    skill.description === null ? skill.name : `${skill.name}: ${skill.description}`,
    detail.nodes,
    ...list(usable, skill.node_count).map(indent),
    ...(skill.unusable_count === 0
      ? []
      : [detail.unusable, ...list(lacking, skill.unusable_count).map(indent)]),
  ];
  return `${lines.map((line) => `${/^ */.exec(line)?.[0]}${toSafeLine(line)}`).join("\n")}\n`;
}

function indent(line: string): string {
  return `  ${line}`;
}

function nodesText({ nodes, node_count }: MeshSkill, texts: Catalogue): string {
  const names = nodes.map((node) => nodeText(node, texts));
  return joinSome(names, node_count, texts);
}

function unusableText({ unusable, unusable_count }: MeshSkill, texts: Catalogue): string {
  const names = unusable.map((node) => texts.skills.lacking(nodeText(node, texts), node.missing.join(", ")));
  return joinSome(names, unusable_count, texts);
}

function nodeText({ name, status }: MeshSkill["nodes"][number], { skills }: Catalogue): string {
  return status === "offline" ? skills.offline(name) : name;
}

function joinSome(shown: readonly string[], count: number, { skills, table }: Catalogue): string {
  if (count === 0) return table.none;
  const more = count > shown.length ? ` ${skills.more(count - shown.length)}` : "";
  return `${shown.join(", ")}${more}`;
}
