import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { migrations } from "../migrations/index.ts";
import { listUnfinishedTasksSql } from "./list-unfinished-tasks.ts";

/** A start must not read all that ever happened. */
test("unfinished tasks are found by index", () => {
  const database = new Database(":memory:");
  for (const sql of migrations) database.run(sql);
  const plan = database.query<{ detail: string }, []>(`explain query plan ${listUnfinishedTasksSql}`).all();
  expect(plan.map((step) => step.detail)).toEqual([
    expect.stringMatching(/^SCAN tasks USING (COVERING )?INDEX tasks_unfinished/),
  ]);
  database.close();
});
