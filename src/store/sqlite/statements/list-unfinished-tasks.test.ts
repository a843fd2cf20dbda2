import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { migrations } from "../migrations/index.ts";
import { listTheirAttemptsSql, listUnfinishedTasksSql } from "./list-unfinished-tasks.ts";

/** A start must not read all that ever happened. */
test("unfinished tasks and their attempts are found by index", () => {
  const database = new Database(":memory:");
  for (const sql of migrations) database.run(sql);
  for (const sql of [listUnfinishedTasksSql, listTheirAttemptsSql]) {
    const plan = database.query<{ detail: string }, []>(`explain query plan ${sql}`).all();
    const details = plan.map((step) => step.detail);
    expect(details).toContainEqual(
      expect.stringMatching(/^SCAN tasks USING (COVERING )?INDEX tasks_unfinished/),
    );
    expect(details.filter((detail) => detail.startsWith("SCAN"))).toHaveLength(1);
    expect(details).not.toContain("USE TEMP B-TREE FOR ORDER BY");
  }
  database.close();
});
