import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { migrations } from "../migrations/index.ts";
import { listTasksSql } from "./list-tasks.ts";
import type { ScanOrder, TaskIndex } from "./scan-horizon.ts";

const indexNames: Readonly<Record<TaskIndex, string>> = {
  all: "sqlite_autoindex_tasks_1",
  unfinished: "tasks_unfinished",
  deadLetters: "tasks_dead_letters",
};

/** A page must read the range it may look at, in order, and nothing else. */
for (const [index, name] of Object.entries(indexNames) as [TaskIndex, string][]) {
  for (const order of ["newest", "oldest"] satisfies ScanOrder[]) {
    test(`a page of ${index} tasks, ${order} first, is a range of an index`, () => {
      const database = new Database(":memory:");
      for (const sql of migrations) database.run(sql);
      const plan = database
        .query<{ detail: string }, []>(`explain query plan ${listTasksSql(index, order)}`)
        .all()
        .map((step) => step.detail);
      expect(plan[0]).toMatch(new RegExp(`^SEARCH tasks USING INDEX ${name} \\(id>\\? AND id<\\?\\)$`));
      expect(plan).not.toContainEqual(expect.stringContaining("ORDER BY"));
      database.close();
    });
  }
}
