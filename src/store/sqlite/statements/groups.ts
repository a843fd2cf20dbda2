import { z } from "zod";
import type { Database } from "../../../platform/sqlite.ts";
import { GroupInput } from "../../../protocol/rule.ts";
import { foldName } from "../fold-name.ts";
import { jsonColumn, parseRow } from "../row.ts";

const GroupRow = z.object({ name: z.string(), definition: jsonColumn(GroupInput) });

export interface GroupStatements {
  readonly list: () => readonly (GroupInput & { readonly name: string })[];
  readonly put: (name: string, group: GroupInput) => void;
  readonly remove: (name: string) => boolean;
}

export function prepareGroups(database: Database): GroupStatements {
  const select = database.prepare<unknown, []>("select name, definition from groups order by name_key");
  const upsert = database.prepare(`
    insert into groups (name_key, name, definition) values (?, ?, ?)
    on conflict (name_key) do update set name = excluded.name, definition = excluded.definition`);
  const remove = database.prepare("delete from groups where name_key = ?");
  return {
    list: () =>
      select.all().map((groupRow) => {
        const row = parseRow(GroupRow, "groups", groupRow);
        return { ...row.definition, name: row.name };
      }),
    put: (name, group) => {
      upsert.run(foldName(name), name, JSON.stringify(group));
    },
    remove: (name) => remove.run(foldName(name)).changes > 0,
  };
}
