import { validateRule } from "../../domain/routing/index.ts";
import { sha256Hex } from "../../platform/hash.ts";
import type { Ids } from "../../platform/ids.ts";
import { MeshError } from "../../protocol/errors.ts";
import { RuleId } from "../../protocol/ids.ts";
import type { Rule, RuleInput } from "../../protocol/rule.ts";
import type { RuleStore } from "../../store/rules.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";

/** The routing rules in the order they are tried: those of the configuration file, read-only, then those of the API. */
export interface Rules {
  readonly list: () => readonly Rule[];
  /** Throws RULE_INVALID. */
  readonly add: (rule: RuleInput) => Promise<Rule>;
  /** Throws RULE_NOT_FOUND, RULE_READ_ONLY or RULE_INVALID. */
  readonly replace: (id: RuleId, rule: RuleInput) => Promise<Rule>;
  readonly remove: (id: RuleId) => Promise<void>;
  readonly order: (ids: readonly RuleId[]) => Promise<readonly Rule[]>;
}

interface RulesOptions {
  readonly store: RuleStore;
  readonly configured: readonly RuleInput[];
  readonly ids: Ids;
  readonly events: MeshEventEmitter;
  /** Called with all rules at first and after every change. */
  readonly onChange: (rules: readonly Rule[]) => void;
}

export async function createRules(options: RulesOptions): Promise<Rules> {
  const { store, ids, events, onChange } = options;
  for (const rule of options.configured) validateRule(rule);
  const fixed: readonly Rule[] = options.configured.map((rule, position) => ({
    ...rule,
    id: configuredRuleId(rule, position),
    origin: "config",
  }));
  let own: readonly Rule[] = (await store.list()).map((rule) => ({ ...rule, origin: "api" }));
  const list = () => [...fixed, ...own];
  onChange(list());

  function changed(next: readonly Rule[], ruleId: RuleId | null): void {
    own = next;
    onChange(list());
    events.emit("rules.changed", { ruleId });
  }

  function assertOwn(id: RuleId): void {
    if (fixed.some((rule) => rule.id === id)) {
      throw new MeshError("RULE_READ_ONLY", `Rule ${id} comes from the configuration file.`);
    }
    if (!own.some((rule) => rule.id === id)) throw new MeshError("RULE_NOT_FOUND", `There is no rule ${id}.`);
  }

  return {
    list,
    add: async (input) => {
      validateRule(input);
      const rule: Rule = { ...input, id: ids.rule(), origin: "api" };
      await store.add(rule.id, input);
      changed([...own, rule], rule.id);
      return rule;
    },
    replace: async (id, input) => {
      assertOwn(id);
      validateRule(input);
      await store.replace(id, input);
      const rule: Rule = { ...input, id, origin: "api" };
      changed(
        own.map((other) => (other.id === id ? rule : other)),
        id,
      );
      return rule;
    },
    remove: async (id) => {
      assertOwn(id);
      await store.remove(id);
      changed(
        own.filter((rule) => rule.id !== id),
        id,
      );
    },
    order: async (wanted) => {
      for (const id of wanted) assertOwn(id);
      if (new Set(wanted).size !== own.length || wanted.length !== own.length) {
        throw new MeshError(
          "RULE_INVALID",
          "The order must name every rule that is not from the configuration file, once.",
        );
      }
      await store.order(wanted);
      const byId = new Map(own.map((rule) => [rule.id, rule]));
      // One that was added while the order was being stored comes last.
      const added = own.filter((rule) => !wanted.includes(rule.id));
      changed([...wanted.flatMap((id) => byId.get(id) ?? []), ...added], null);
      return list();
    },
  };
}

/** The same rule at the same place of the file keeps its id over restarts. */
function configuredRuleId(rule: RuleInput, position: number): RuleId {
  return RuleId.parse(`rule_${sha256Hex(`${position}\n${JSON.stringify(rule)}`).slice(0, 32)}`);
}
