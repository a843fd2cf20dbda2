import type { MeshClient } from "../../client/index.ts";
import { issueLines, MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { parseRequirements } from "../../protocol/requirement-text.ts";
import { GroupInput, type Otherwise, type Rule, type StrategyName } from "../../protocol/rule.ts";
import { parseRuleMatch } from "../../protocol/rule-text.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderGroups, renderRules } from "../render/rules.ts";
import { toSafeLine } from "../render/safe-text.ts";

export async function listRules(this: CliContext): Promise<void> {
  const { client } = await connect(this);
  const rules = await client.call(contract.listRules, {});
  printResult(this, rules, () => renderRules(rules, this.texts, this.stdout));
}

export interface AddRuleFlags {
  readonly match: string;
  readonly target?: readonly string[];
  readonly strategy?: StrategyName;
  readonly otherwise?: Otherwise;
  readonly refuse?: boolean;
}

export async function addRule(this: CliContext, flags: AddRuleFlags): Promise<void> {
  const match = parseRuleMatch(flags.match);
  const [target, ...fallbacks] = flags.target ?? [];
  const { client } = await connect(this);
  const rule = await client.call(contract.addRule, {
    body: {
      match,
      ...(target === undefined
        ? {}
        : fallbacks.length === 0
          ? { target }
          : { targets: [target, ...fallbacks] }),
      ...(flags.strategy === undefined ? {} : { strategy: flags.strategy }),
      ...(flags.otherwise === undefined ? {} : { otherwise: flags.otherwise }),
      ...(flags.refuse === true ? { refuse: true as const } : {}),
    },
  });
  printResult(this, rule, () => this.texts.rules.added(rule.id));
  for (const warning of rule.warnings ?? []) printNote(this, this.texts.rules.warning(toSafeLine(warning)));
}

export async function removeRule(this: CliContext, _flags: object, reference: string): Promise<void> {
  const { client } = await connect(this);
  const { rule } = findRule(this, await client.call(contract.listRules, {}), reference);
  await client.call(contract.removeRule, { params: { id: rule.id } });
  printResult(this, { removed: rule.id }, () => this.texts.rules.removed(rule.id));
}

export interface MoveRuleFlags {
  readonly to?: number;
  readonly first?: boolean;
  readonly last?: boolean;
}

export async function moveRule(this: CliContext, flags: MoveRuleFlags, reference: string): Promise<void> {
  const places = [flags.to !== undefined, flags.first === true, flags.last === true].filter(
    (isGiven) => isGiven,
  );
  if (places.length !== 1) throw new MeshError("USAGE", this.texts.rules.noPlace);
  const { client } = await connect(this);
  const rules = await client.call(contract.listRules, {});
  const { rule } = findRule(this, rules, reference);
  if (rule.origin === "config") throw new MeshError("RULE_READ_ONLY", this.texts.rules.fixed(rule.id));
  const order = await orderWith(client, rules, rule, flags);
  const position = order.findIndex(({ id }) => id === rule.id) + 1;
  printResult(this, order, () => this.texts.rules.moved(rule.id, position));
}

async function orderWith(
  client: MeshClient,
  rules: readonly Rule[],
  moved: Rule,
  place: MoveRuleFlags,
): Promise<readonly Rule[]> {
  const fixedCount = rules.filter((rule) => rule.origin === "config").length;
  const ids = rules.filter((rule) => rule.origin === "api" && rule.id !== moved.id).map(({ id }) => id);
  const index =
    place.first === true ? 0 : place.last === true ? ids.length : (place.to ?? 1) - 1 - fixedCount;
  ids.splice(Math.min(Math.max(0, index), ids.length), 0, moved.id);
  return client.call(contract.orderRules, { body: { ids } });
}

/** A rule by its id or its position in the list. */
function findRule(
  context: CliContext,
  rules: readonly Rule[],
  reference: string,
): { readonly rule: Rule; readonly position: number } {
  const index = /^\d+$/.test(reference)
    ? Number(reference) - 1
    : rules.findIndex((candidate) => candidate.id === reference);
  const rule = rules[index];
  if (rule === undefined) throw new MeshError("RULE_NOT_FOUND", context.texts.rules.unknown(reference));
  return { rule, position: index + 1 };
}

export async function listGroups(this: CliContext): Promise<void> {
  const { client } = await connect(this);
  const groups = await client.call(contract.listGroups, {});
  printResult(this, groups, () => renderGroups(groups, this.texts, this.stdout));
}

export interface SetGroupFlags {
  readonly nodes?: readonly string[];
  readonly match?: string;
}

export async function setGroup(this: CliContext, flags: SetGroupFlags, name: string): Promise<void> {
  const body = GroupInput.safeParse({
    ...(flags.nodes === undefined ? {} : { nodes: flags.nodes }),
    ...(flags.match === undefined ? {} : { match: parseGroupMatch(this, flags.match) }),
  });
  if (!body.success) throw new MeshError("USAGE", issueLines(body.error)[0] ?? this.texts.groups.empty);
  const { client } = await connect(this);
  const group = await client.call(contract.putGroup, { params: { name }, body: body.data });
  printResult(this, group, () => this.texts.groups.saved(group.name));
}

function parseGroupMatch(context: CliContext, text: string): NonNullable<GroupInput["match"]> {
  const { skills = [], tags = [], any_skill, group, ...same } = parseRequirements(text);
  if (skills.length > 1 || tags.length > 1 || any_skill !== undefined || group !== undefined) {
    throw new MeshError("USAGE", context.texts.groups.oneEach);
  }
  const [skill] = skills;
  const [tag] = tags;
  return { ...same, ...(skill === undefined ? {} : { skill }), ...(tag === undefined ? {} : { tag }) };
}

export async function removeGroup(this: CliContext, _flags: object, name: string): Promise<void> {
  const { client } = await connect(this);
  await client.call(contract.removeGroup, { params: { name } });
  printResult(this, { removed: name }, () => this.texts.groups.removed(name));
}
