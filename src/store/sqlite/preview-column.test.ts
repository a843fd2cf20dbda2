import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { anyTask } from "../../../test/support/store/task-model.ts";
import { contentPreviewLength } from "../../protocol/task.ts";
import { migrations } from "./migrations/index.ts";
import { toPreview, toPreviewColumn } from "./preview-column.ts";
import { prepareAcceptTask } from "./statements/accept-task.ts";
import { prepareListTasks } from "./statements/list-tasks.ts";

test("a preview is cut at its length, and never inside a character", () => {
  const long = "x".repeat(contentPreviewLength);
  expect(toPreview("short")).toBe("short");
  expect(toPreview(`${long}y`)).toBe(long);
  expect(toPreview(`${long.slice(1)}🦞`)).toBe(long.slice(1));
});

test("a content that is no longer than its preview is not stored twice", () => {
  expect(toPreviewColumn("x".repeat(contentPreviewLength))).toBeNull();
  expect(toPreviewColumn("x".repeat(contentPreviewLength + 1))).toHaveLength(contentPreviewLength);
});

test("a list does not read a large content, of which it shows the beginning only", () => {
  const database = new Database(":memory:", { strict: true });
  for (const sql of migrations) database.run(sql);
  const content = "the beginning ".repeat(10_000);
  prepareAcceptTask(database)(createSampleTask({}, { content }));
  // What would be shown if it were read.
  database.run("update tasks set content = 'another'");
  const { tasks } = prepareListTasks(database)(anyTask, { after: null, limit: 1, order: "newest" });
  expect(tasks[0]?.contentPreview).toBe(content.slice(0, contentPreviewLength));
  database.close();
});
