import type { RuleId } from "../protocol/ids.ts";
import type { GroupInput, RuleInput } from "../protocol/rule.ts";

/** Rules made through the API, in order. Those of the configuration file are not stored. */
export interface RuleStore {
  readonly list: () => Promise<readonly (RuleInput & { readonly id: RuleId })[]>;
  /** Adds at the end. */
  readonly add: (id: RuleId, rule: RuleInput) => Promise<void>;
  /** @returns false when there is no such rule */
  readonly replace: (id: RuleId, rule: RuleInput) => Promise<boolean>;
  readonly remove: (id: RuleId) => Promise<boolean>;
  /** Puts the rules in this order; `ids` names each exactly once. */
  readonly order: (ids: readonly RuleId[]) => Promise<void>;
}

/** Groups made through the API, by name without case. */
export interface GroupStore {
  readonly list: () => Promise<readonly (GroupInput & { readonly name: string })[]>;
  readonly put: (name: string, group: GroupInput) => Promise<void>;
  readonly remove: (name: string) => Promise<boolean>;
}
