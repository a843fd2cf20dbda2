import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { RuleId } from "../../../protocol/ids.ts";
import { RuleInput } from "../../../protocol/rule.ts";
import { jsonColumn, parseRow } from "../row.ts";

const RuleRow = z.object({ id: RuleId, definition: jsonColumn(RuleInput) });

export interface RuleStatements {
  readonly list: () => readonly (RuleInput & { readonly id: RuleId })[];
  readonly add: (id: RuleId, rule: RuleInput) => void;
  readonly replace: (id: RuleId, rule: RuleInput) => boolean;
  readonly remove: (id: RuleId) => boolean;
  /** @returns false, and changes nothing, when `ids` does not name each rule exactly once */
  readonly order: (ids: readonly RuleId[]) => boolean;
}

export function prepareRules(database: Database): RuleStatements {
  const select = database.prepare<unknown, []>("select id, definition from rules order by position, id");
  const selectIds = database.prepare<{ id: string }, []>("select id from rules");
  const insert = database.prepare(`
    insert into rules (id, position, definition)
    values (?, (select coalesce(max(position), 0) + 1 from rules), ?)`);
  const update = database.prepare("update rules set definition = ? where id = ?");
  const remove = database.prepare("delete from rules where id = ?");
  const move = database.prepare("update rules set position = ? where id = ?");
  return {
    list: () =>
      select.all().map((ruleRow) => {
        const row = parseRow(RuleRow, "rules", ruleRow);
        return { ...row.definition, id: row.id };
      }),
    add: (id, rule) => {
      insert.run(id, JSON.stringify(rule));
    },
    replace: (id, rule) => update.run(JSON.stringify(rule), id).changes > 0,
    remove: (id) => remove.run(id).changes > 0,
    order: (ids) => {
      const named = new Set<string>(ids);
      const existing = selectIds.all();
      if (ids.length !== named.size || existing.length !== named.size) return false;
      if (!existing.every(({ id }) => named.has(id))) return false;
      for (const [index, id] of ids.entries()) move.run(index + 1, id);
      return true;
    },
  };
}
