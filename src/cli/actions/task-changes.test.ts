import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  createCliBench,
  failedTask,
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

describe("cancel", () => {
  test("one task by its id", async () => {
    bench.handle((_, reply) => reply.json(taskInfo({ state: "cancelled" }), 202));
    const { exitCode, stdout } = await bench.run(["task", "cancel", taskId]);
    expect([exitCode, stdout]).toEqual([0, `Task ${taskId} cancelled\n`]);
  });

  test("one that had ended fails", async () => {
    bench.handle((_, reply) => reply.json(taskInfo({ state: "succeeded" }), 202));
    const { exitCode, stdout } = await bench.run(["task", "cancel", taskId]);
    expect([exitCode, stdout]).toEqual([1, `Task ${taskId} had ended already: succeeded\n`]);
  });

  const two = [taskSummary({ id: otherTaskId }), taskSummary()];
  const done = {
    matched: 2,
    done: [
      { id: taskId, state: "cancelled" },
      { id: otherTaskId, state: "cancelled" },
    ],
    failed: [],
  };

  test("several, and says which have ended, which will, and which had before", async () => {
    const third = `task_${"d".repeat(32)}`;
    const states = [
      { id: taskId, state: "cancelled" },
      { id: otherTaskId, state: "running" },
      { id: third, state: "succeeded" },
    ];
    bench.handle((_, reply) => reply.json({ matched: 3, done: states, failed: [] }));
    const { exitCode, stdout } = await bench.run(["task", "cancel", taskId, otherTaskId, third]);
    expect(exitCode).toBe(1);
    expect(stdout.trimEnd().split("\n")).toEqual([
      `Task ${taskId} cancelled`,
      `Task ${otherTaskId} will end when its node has stopped it`,
      `Task ${third} had ended already: succeeded`,
      "1 cancelled, 1 will end when stopped, 1 had ended already",
    ]);
  });

  test("those that flags choose, oldest first, when the answer is yes", async () => {
    bench.handle((request, reply) =>
      request.method === "GET" ? replyPage(request, reply, ...two) : reply.json(done),
    );
    const args = ["task", "cancel", "--source", "x"];
    const yes = await bench.run(args, { isTerminal: true, line: "y" });
    expect([yes.exitCode, yes.stdout]).toEqual([0, expect.stringContaining("2 cancelled")]);
    expect(yes.stderr).toContain("Cancel 2 tasks? [y/N]");
    expect(bench.requestsTo("/tasks/cancel")[0]?.body).toEqual({ ids: [taskId, otherTaskId] });
    expect(bench.requests[0]?.query).toMatchObject({ source: "x", state: "queued,running" });
  });

  test("those that one token sent", async () => {
    bench.handle((request, reply) =>
      request.method === "GET" ? replyPage(request, reply, ...two) : reply.json(done),
    );
    const { exitCode } = await bench.run(["task", "cancel", "--subject", "ci", "--yes"]);
    expect(exitCode).toBe(0);
    expect(bench.requests[0]?.query).toMatchObject({ subject: "ci", state: "queued,running" });
  });

  test.each(["", "n", "no"])("nothing when the answer is %p", async (line) => {
    bench.handle((request, reply) => replyPage(request, reply, ...two));
    const { exitCode, stderr } = await bench.run(["task", "cancel", "--source", "x"], {
      isTerminal: true,
      line,
    });
    expect([exitCode, bench.requestsTo("/tasks/cancel").length]).toEqual([0, 0]);
    expect(stderr).toContain("Nothing was changed.");
  });

  test("several without a terminal only with --yes", async () => {
    bench.handle((request, reply) =>
      request.method === "GET" ? replyPage(request, reply, ...two) : reply.json(done),
    );
    const refused = await bench.run(["task", "cancel", "--source", "x"]);
    expect([refused.exitCode, bench.requestsTo("/tasks/cancel").length]).toEqual([2, 0]);
    expect(refused.stderr).toContain("--yes");
    expect((await bench.run(["task", "cancel", "--source", "x", "--yes"])).exitCode).toBe(0);
  });

  test("fails when one of them could not be cancelled, and names it", async () => {
    const failed = [{ id: otherTaskId, code: "TASK_NOT_FOUND", error: "There is no such task." }];
    bench.handle((_, reply) =>
      reply.json({ matched: 2, done: [{ id: taskId, state: "cancelled" }], failed }),
    );
    const { exitCode, stdout } = await bench.run(["task", "cancel", taskId, otherTaskId]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`Task ${otherTaskId}: There is no such task. (TASK_NOT_FOUND)`);
    expect(stdout).toContain("1 cancelled, 1 not");
  });

  test.each([
    [["task", "cancel"], "say which tasks"],
    [["task", "cancel", taskId, "--source", "x"], "choose one of ids and"],
    [["dead-letter", "retry", "--all", "--class", "timeout"], "choose one of --all and flags"],
    [["dead-letter", "discard"], "say which tasks"],
  ])("refuses %p", async (args, problem) => {
    const { exitCode, stderr } = await bench.run(args);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain(problem);
  });
});

describe("retry and discard", () => {
  test("one task is run again edited", async () => {
    bench.handle((_, reply) => reply.json(taskInfo({ id: otherTaskId }), 202));
    const { stdout } = await bench.run([
      ...["task", "retry", taskId, "--message", "other", "--auto", "--requires", "gpu", "--priority", "0"],
    ]);
    expect(stdout).toBe(`Task ${taskId} runs again as ${otherTaskId}\n`);
    expect(bench.requestsTo(`/tasks/${taskId}/retry`)[0]?.body).toEqual({
      content: "other",
      target: null,
      requires: { gpu: true },
      priority: 0,
    });
  });

  test("flags choose ended tasks that were not run again", async () => {
    const again = taskSummary({ ...failedTask, id: otherTaskId, retried_as: `task_${"d".repeat(32)}` });
    bench.handle((request, reply) => {
      if (request.method === "GET") replyPage(request, reply, again, taskSummary(failedTask));
      else reply.json({ matched: 1, done: [{ id: taskId, retried_as: otherTaskId }], failed: [] });
    });
    const { stdout } = await bench.run([
      "task",
      "retry",
      "--class",
      "runtime_error",
      "--failed-on",
      "mac-mini",
    ]);
    expect(stdout).toContain(`Task ${taskId} runs again as ${otherTaskId}`);
    expect(bench.requests[0]?.query).toMatchObject({ state: "failed,cancelled,expired", node: "mac-mini" });
    expect(bench.requestsTo("/tasks/retry")[0]?.body).toEqual({ ids: [taskId] });
  });

  test("several are each run again edited, and a refusal of one does not stop the others", async () => {
    bench.handle((request, reply) => {
      if (request.path.includes(taskId)) reply.json({ error: "again?", code: "TASK_ALREADY_RETRIED" }, 409);
      else reply.json(taskInfo({ id: `task_${"d".repeat(32)}` }), 202);
    });
    const args = ["task", "retry", taskId, otherTaskId, "--effects", "safe", "--json"];
    const { exitCode, stdout } = await bench.run(args);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      matched: 2,
      done: [{ id: otherTaskId, retried_as: `task_${"d".repeat(32)}` }],
      failed: [{ id: taskId, code: "TASK_ALREADY_RETRIED", error: "again?" }],
    });
  });

  test("dead letters are listed, run again and discarded as such", async () => {
    bench.handle((request, reply) => {
      if (request.method === "GET") replyPage(request, reply, taskSummary(failedTask));
      else reply.json({ matched: 1, done: [{ id: taskId }], failed: [] });
    });
    expect((await bench.run(["dead-letter", "list"])).stdout).toContain("runtime_error (quota)");
    expect((await bench.run(["dead-letter", "retry", "--all"])).exitCode).toBe(0);
    expect((await bench.run(["dead-letter", "discard", "--class", "runtime_error"])).exitCode).toBe(0);
    const lists = bench.requestsTo("/tasks");
    expect(lists.map(({ query }) => query.dead_letter)).toEqual(["true", "true", "true"]);
    expect(bench.requestsTo("/tasks/discard")[0]?.body).toEqual({ ids: [taskId] });
  });
});

describe("token revoke --cancel-tasks", () => {
  const id = `token_${"1".repeat(32)}`;
  const madeAt = "2026-11-22T16:00:00.000Z";
  const token = (name: string, tokenId: string, revoked_at: string | null) => ({
    id: tokenId,
    name,
    shown: "cmt_1f0c8b2e",
    scopes: ["send"],
    groups: null,
    rate_per_minute: null,
    untrusted: false,
    created_at: madeAt,
    created_by: "admin",
    rotated_at: null,
    expires_at: null,
    last_used_at: null,
    last_used_from: null,
    revoked_at,
  });

  test("makes the token void, and then cancels what it sent and has not ended", async () => {
    const tokens = [token("CI", id, null), token("ci", `token_${"2".repeat(32)}`, madeAt)];
    const done = { matched: 1, done: [{ id: taskId, state: "cancelled" }], failed: [] };
    bench.handle((request, reply) => {
      if (request.method === "DELETE") return reply.json(null, 204);
      if (request.method === "POST") return reply.json(done);
      return request.path.endsWith("/tokens")
        ? reply.json({ tokens })
        : replyPage(request, reply, taskSummary());
    });
    const { exitCode, stdout } = await bench.run(["token", "revoke", "ci", "--cancel-tasks"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("1 cancelled")]);
    const calls = bench.requests.map(({ method, path, query }) => [method, path.split("/").at(-1), query]);
    expect(calls).toMatchObject([
      ["GET", "tokens", {}],
      ["DELETE", id, {}],
      ["GET", "tasks", { subject: id, state: "queued,running" }],
      ["POST", "cancel", {}],
    ]);
  });
});
