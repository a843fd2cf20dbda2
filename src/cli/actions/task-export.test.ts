import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type CliBench,
  createCliBench,
  otherTaskId,
  replyPage,
  taskId,
  taskInfo,
  taskSummary,
} from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("task export", () => {
  test("writes each task in full as a line, in the order of the list", async () => {
    const ids = [otherTaskId, taskId];
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks")) replyPage(request, reply, ...ids.map((id) => taskSummary({ id })));
      else reply.json(taskInfo({ id: request.path.split("/").at(-1), content: "a\u202eb" }));
    });
    const { stdout } = await bench.run(["task", "export", "--state", "queued"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(ids);
    expect(JSON.parse(lines[0] ?? "")).toEqual(taskInfo({ id: otherTaskId, content: "a\u202eb" }));
    expect(stdout).not.toContain("\u202e");
    await bench.run(["task", "export", "--output", "out.jsonl"]);
    expect(await Bun.file(join(bench.directory, "out.jsonl")).text()).toBe(stdout);
  });

  test("leaves out what was deleted since it was listed, and says how many", async () => {
    const ids = [taskId, otherTaskId];
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks")) replyPage(request, reply, ...ids.map((id) => taskSummary({ id })));
      else if (request.path.endsWith(taskId)) reply.json({ error: "gone", code: "TASK_NOT_FOUND" }, 404);
      else reply.json(taskInfo({ id: otherTaskId }));
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "export"]);
    expect([exitCode, JSON.parse(stdout).id]).toEqual([0, otherTaskId]);
    expect(stderr).toStartWith("1 task was deleted meanwhile");
    const toFile = await bench.run(["task", "export", "--output", "out.jsonl"]);
    expect(toFile.stderr).toContain("1 task written to out.jsonl\n1 task was deleted meanwhile");
  });

  test("leaves an older file alone when it fails half way", async () => {
    const file = join(bench.directory, "out.jsonl");
    await Bun.write(file, "old");
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks")) replyPage(request, reply, taskSummary());
      else reply.json({ error: "no", code: "SCOPE_MISSING" }, 403);
    });
    expect((await bench.run(["task", "export", "--output", file])).exitCode).toBe(4);
    expect(await Bun.file(file).text()).toBe("old");
  });
});
