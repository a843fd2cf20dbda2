import { describe, expect, test } from "bun:test";
import { cliNowMs, failedTask, otherTaskId, taskId, taskSummary } from "../../../test/support/cli-run.ts";
import { en } from "../../locale/en.ts";
import { TaskSummary } from "../../protocol/task.ts";
import { renderTasks } from "./tasks.ts";

const waiting = taskSummary({
  target: "mac-mini",
  waiting_for: "a node with os=darwin; mac-mini has it, offline for 14 min",
  content_preview: "Build the iOS app for the shop and put it where the testers find it",
});

function linesOf(columns: number, ...tasks: readonly object[]): readonly string[] {
  const output = {
    write: () => {},
    writeAndWait: async () => {},
    isTerminal: true,
    columns,
    hasColour: false,
  };
  const parsed = tasks.map((task) => TaskSummary.parse(task));
  return renderTasks(parsed, { texts: en, output, nowMs: cliNowMs }).trimEnd().split("\n");
}

describe("a list of tasks", () => {
  test("on 80 columns keeps id, node and tries, and tells why below", () => {
    const lines = linesOf(80, waiting, taskSummary({ ...failedTask, id: otherTaskId }));
    expect(lines).toEqual([
      expect.stringMatching(/^ID +STATE +AGE +NODE +TRIES$/),
      expect.stringMatching(new RegExp(`^${taskId} +queued +2 min +mac-mini +0$`)),
      "  a node with os=darwin; mac-mini has it, offline for 14 min · Build the iOS…",
      expect.stringMatching(new RegExp(`^${otherTaskId} +failed +2 min +mac-mini +1$`)),
      "  runtime_error (quota) · Build the app",
    ]);
  });

  test("never goes beyond a narrow terminal that has room for an id", () => {
    const failed = taskSummary({
      ...failedTask,
      node_name: "a-node-with-quite-a-long-name",
      retried_as: taskId,
    });
    for (const width of [50, 60, 79, 80, 100, 119, 120, 130]) {
      for (const line of linesOf(width, waiting, failed)) {
        expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
      }
    }
  });

  test("marks what carries the untrusted label", () => {
    const [, line] = linesOf(140, { ...waiting, untrusted: true });
    expect(line).toMatch(/ queued, untrusted /);
  });

  test("is a plain table where there is room", () => {
    expect(linesOf(140, waiting)).toEqual([
      expect.stringMatching(/^ID +STATE +AGE +NODE +TRIES +WAITS FOR \/ FAILURE +MESSAGE$/),
      expect.stringMatching(/ mac-mini +0 +a node with os=darwin; .* +Build the/),
    ]);
  });
});
