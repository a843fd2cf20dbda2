import type { Database } from "../../platform/sqlite.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { GroupStore, RuleStore } from "../rules.ts";
import type { Committer } from "./committer.ts";
import { prepareGroups } from "./statements/groups.ts";
import { prepareRules } from "./statements/rules.ts";

export function createRuleStore(database: Database, committer: Committer): RuleStore {
  const rules = prepareRules(database);
  return {
    list: () => committer.read(rules.list),
    add: (id, rule) =>
      committer.write(
        "full",
        () => rules.add(id, rule),
        () => rules.remove(id),
      ),
    replace: (id, rule) => committer.write("full", () => rules.replace(id, rule)),
    remove: (id) => committer.write("full", () => rules.remove(id)),
    order: async (ids) => {
      if (await committer.write("full", () => rules.order(ids))) return;
      throw new MeshError("BODY_INVALID", "the order does not name each stored rule exactly once");
    },
  };
}

export function createGroupStore(database: Database, committer: Committer): GroupStore {
  const groups = prepareGroups(database);
  return {
    list: () => committer.read(groups.list),
    put: (name, group) => committer.write("full", () => groups.put(name, group)),
    remove: (name) => committer.write("full", () => groups.remove(name)),
  };
}
