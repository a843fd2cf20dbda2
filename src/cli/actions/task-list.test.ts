import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  createCliBench,
  failedTask,
  nodeId,
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

describe("task list and show", () => {
  test("a list asks for what the flags say and shows no more than its limit", async () => {
    bench.handle((request, reply) =>
      replyPage(
        request,
        reply,
        taskSummary(),
        taskSummary({ ...failedTask, id: otherTaskId }),
        taskSummary(),
      ),
    );
    const { exitCode, stdout, stderr } = await bench.run([
      ...["task", "list", "--state", "queued, failed", "--node", "mac", "--label", "a=b", "--label", "c=d"],
      ...["--class", "timeout", "--since", "1h", "--limit", "2"],
    ]);
    expect(exitCode).toBe(0);
    expect(bench.requests[0]?.query).toEqual({
      state: "queued,failed",
      node: "mac",
      label: "a=b,c=d",
      class: "timeout",
      since: "2026-11-22T15:00:00.000Z",
      limit: "3",
    });
    const [header, first, second, ...rest] = stdout.trimEnd().split("\n");
    expect(header).toMatch(/^ID +STATE +AGE +NODE +TRIES +WAITS FOR \/ FAILURE +MESSAGE$/);
    expect(first).toMatch(/^task_a{32} +queued +2 min +- +0 +a node with os=darwin +Build the app$/);
    expect(second).toMatch(
      /^task_b{32} +failed +2 min +mac-mini +1 +runtime_error \(quota\) +Build the app$/,
    );
    expect(rest).toEqual([]);
    expect(stderr).toContain("The latest 2 are shown");
  });

  test("--all follows every page, and --json prints one array", async () => {
    const tasks = [taskSummary(), taskSummary({ id: otherTaskId })];
    bench.handle((request, reply) => replyPage(request, reply, ...tasks));
    const { stdout } = await bench.run(["task", "list", "--all", "--json"]);
    expect(JSON.parse(stdout)).toEqual(tasks);
  });

  test("refuses a state that is none", async () => {
    const { exitCode, stderr } = await bench.run(["task", "list", "--state", "lost"]);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain("--state: must be one or more of queued, running");
  });

  test("text of a task cannot steer the terminal", async () => {
    const evil = "a\u001b[2Jb\u001b]0;title\u0007\nc";
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks"))
        replyPage(request, reply, taskSummary({ content_preview: evil, source: evil }));
      else
        reply.json(
          taskInfo({
            ...failedTask,
            content: evil,
            response: evil,
            source: evil,
            labels: { [evil]: evil },
            failure: { class: "timeout", message: evil },
            timeline: [
              { at: "2026-11-22T15:58:00.000Z", what: "failed", node_name: evil, attempt: 1, detail: evil },
            ],
          }),
        );
    });
    for (const args of [
      ["task", "list"],
      ["task", "show", taskId],
    ]) {
      const { exitCode, stdout } = await bench.run(args);
      expect(exitCode).toBe(0);
      for (const steering of ["\u001b", "\u0007"]) expect(stdout).not.toContain(steering);
    }
  });

  test("show tells the message, its history, the failure and what to do", async () => {
    const attempt = {
      attempt: 1,
      node_id: nodeId,
      node_name: "mac-mini",
      state: "finished",
      offered_at: "2026-11-22T15:58:01.000Z",
      started_at: "2026-11-22T15:58:02.000Z",
      ended_at: "2026-11-22T15:59:00.000Z",
      failure: failedTask.failure,
      late_result: false,
      runtime: "openclaw",
    };
    const timeline = [
      { at: "2026-11-22T15:58:00.000Z", what: "accepted" },
      { at: "2026-11-22T15:58:02.000Z", what: "started", attempt: 1, node_name: "mac-mini" },
    ];
    bench.handle((_, reply) => reply.json(taskInfo({ ...failedTask, attempts: [attempt], timeline })));
    const { stdout } = await bench.run(["task", "show", taskId]);
    expect(stdout).toStartWith(`${taskId} failed\n`);
    expect(stdout).toContain("\nMessage\nBuild the app\n");
    expect(stdout).toContain("2026-11-22T15:58:02.000Z  started: attempt 1 on mac-mini");
    expect(stdout).toMatch(/1 +mac-mini +openclaw +finished .* 58\.0 s +runtime_error \(quota\)/);
    expect(stdout).toContain("runtime_error (quota): the provider refused");
    expect(stdout).toContain(`claw-mesh task retry ${taskId}`);
  });

  test.each([
    ["expired untried", { state: "expired", waiting_for: null }, "No node took it in time.", "task retry"],
    [
      "expired after a try",
      { state: "expired", waiting_for: null, attempt_count: 1 },
      "Its time ran out before it was tried again, after 1 try.",
      "task retry",
    ],
    [
      "expired, run again",
      { state: "expired", waiting_for: null, retried_as: otherTaskId },
      "No node took it in time.",
      `task watch ${otherTaskId}`,
    ],
    ["failed, run again", { ...failedTask, retried_as: otherTaskId }, "quota", `task watch ${otherTaskId}`],
    ["failed, discarded", { ...failedTask, discarded_at: "2026-11-22T16:00:00.000Z" }, "quota", "task retry"],
  ] as const)("show of a task that is %s tells why, and the one way on", async (_, changes, why, hint) => {
    bench.handle((__, reply) => reply.json(taskInfo(changes)));
    const { stdout } = await bench.run(["task", "show", taskId]);
    expect(stdout).toContain(why);
    const commands = [...stdout.matchAll(/claw-mesh ((?:task|dead-letter) .*)$/gm)].map(
      ([, command]) => command,
    );
    expect(commands).toEqual([hint === "task retry" ? `task retry ${taskId}` : hint]);
  });

  test("an id that is none is not found", async () => {
    const { exitCode, stderr } = await bench.run(["task", "show", "task_1"]);
    expect([exitCode, bench.requests.length]).toEqual([5, 0]);
    expect(stderr).toContain('there is no task "task_1"');
  });
});
