import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type CliBench,
  createCliBench,
  failedTask,
  nodeId,
  otherTaskId,
  type Reply,
  routeAnswer,
  type SeenRequest,
  taskId,
  taskInfo,
  taskSummary,
} from "../../test/support/cli-run.ts";
import { type Clock, systemClock } from "../platform/clock.ts";
import { quietMs } from "./quiet-stream.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const secret = "0123456789abcdef0123456789abcdef";

/** Tasks of a list, on pages of one. */
function pageOf(request: SeenRequest, reply: Reply, ...tasks: readonly object[]): void {
  const at = Number(request.query.cursor ?? 0);
  reply.json({ tasks: tasks.slice(at, at + 1), next_cursor: at + 1 < tasks.length ? String(at + 1) : null });
}

function requestsTo(path: string): readonly SeenRequest[] {
  return bench.requests.filter((request) => request.path === `/api/v1${path}`);
}

describe("task add", () => {
  test("queues the message with all that its flags say, and tells what it waits for", async () => {
    bench.handle((_, reply) => reply.json(taskInfo(), 202));
    const flags = "--group macs --requires os=darwin --label a=b --effects safe --timeout 5m --priority 9";
    const more = "--not-before 10m --expires-at 2026-11-23T00:00:00Z --max-attempts 5 --retry-delay 2s";
    const { exitCode, stdout, stderr } = await bench.run([
      ...["task", "add", ...flags.split(" "), ...more.split(" ")],
      ...["--retry-on", "overloaded,quota", "Build", "the app"],
    ]);
    expect([exitCode, stdout]).toEqual([0, `Task ${taskId} queued\nIt waits for a node with os=darwin\n`]);
    expect(stderr).toBe(`Follow it with: claw-mesh task watch ${taskId}\n`);
    expect(bench.requests).toHaveLength(1);
    expect(bench.requests[0]?.headers["idempotency-key"]).toBe(secret);
    expect(bench.requests[0]?.body).toEqual({
      content: "Build the app",
      source: "cli",
      target: "macs",
      requires: { os: "darwin" },
      labels: { a: "b" },
      effects: "safe",
      timeout_s: 300,
      priority: 9,
      not_before: "2026-11-22T16:10:00.000Z",
      expires_at: "2026-11-23T00:00:00Z",
      retry: { max_attempts: 5, base_delay_s: 2, on: ["overloaded", "quota"] },
    });
  });

  test("prints the task and its key with --json", async () => {
    bench.handle((_, reply) => reply.json(taskInfo(), 202));
    const { stdout, stderr } = await bench.run(["task", "add", "--json", "--key", "mine", "hello"]);
    expect(JSON.parse(stdout)).toEqual({ ...taskInfo(), idempotency_key: "mine" });
    expect(stderr).toBe("");
  });

  test("sends the same again under the same key when no word came back", async () => {
    bench.handle((_, reply) => (bench.requests.length === 1 ? reply.cut() : reply.json(taskInfo(), 202)));
    const { exitCode, stdout } = await bench.run(["task", "add", "hello"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`Task ${taskId} queued`)]);
    const [first, second] = bench.requests;
    expect(second?.body).toEqual(first?.body);
    expect(second?.headers["idempotency-key"]).toBe(first?.headers["idempotency-key"] ?? "none");
  });

  test("says at once that nobody listens", async () => {
    const { exitCode, stderr } = await bench.run(["task", "add", "hello", "--coordinator", "127.0.0.1:1"]);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("cannot reach the coordinator");
  });

  test.each([
    [["--priority", "10", "x"], "is not a priority"],
    [["--expires-at", "tomorrow", "x"], "is not a time like 10m"],
    [["--retry-on", "overload", "x"], 'did you mean "overloaded"'],
    [["--node", "a", "--group", "b", "x"], "choose one of --node and --group"],
    [["--file", "t.jsonl", "x"], "choose one of a message and --file"],
    [["--file", "nowhere.jsonl"], "cannot read nowhere.jsonl (ENOENT)"],
  ])("refuses %p", async (args, problem) => {
    const { exitCode, stderr } = await bench.run(["task", "add", ...args]);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain(problem);
  });
});

describe("task add --file", () => {
  const numbered = (request: SeenRequest) => `task_${String(request.body.content).padStart(32, "0")}`;

  test("queues every line in its own name and prints the ids in the order of the lines", async () => {
    bench.handle((request, reply) => reply.json(taskInfo({ id: numbered(request) }), 202));
    const lines = Array.from({ length: 20 }, (_, index) => JSON.stringify({ content: String(index) }));
    const stdin = `${lines.join("\n\n")}\n{"content":"20","source":"own"}\n`;
    const { exitCode, stdout } = await bench.run(["task", "add", "--file", "-", "--source", "batch"], {
      stdin,
    });
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n")).toEqual(
      Array.from({ length: 21 }, (_, index) => `task_${String(index).padStart(32, "0")}`),
    );
    expect(new Set(bench.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(21);
    const sources = bench.requests.map(({ body }) => body.source);
    expect(sources.filter((source) => source === "batch")).toHaveLength(20);
    expect(sources).toContain("own");
  });

  test("names the first bad line, and has sent nothing then", async () => {
    const file = join(bench.directory, "tasks.jsonl");
    await Bun.write(file, '{"content":"a"}\n{"content":"b","colour":"red"}\nnonsense\n');
    const { exitCode, stderr } = await bench.run(["task", "add", "--file", file]);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain("line 2:");
    expect(stderr).toContain("colour");
  });

  test("stops at a refusal and tells the key under which nothing is queued twice", async () => {
    bench.handle((request, reply) => {
      if (request.body.content === "1") reply.json({ error: "full", code: "QUEUE_FULL" }, 503);
      else reply.json(taskInfo({ id: numbered(request) }), 202);
    });
    const stdin = '{"content":"0"}\n{"content":"1"}\n{"content":"2"}\n';
    const { exitCode, stdout, stderr } = await bench.run(["task", "add", "--file", "-"], { stdin });
    expect([exitCode, stdout]).toEqual([1, `task_${"0".repeat(32)}\n`]);
    expect(stderr).toContain("1 of 3 tasks were queued");
    expect(stderr).toContain(`--key ${secret}`);
  });
});

describe("task list and show", () => {
  test("a list asks for what the flags say and shows no more than its limit", async () => {
    bench.handle((request, reply) =>
      pageOf(request, reply, taskSummary(), taskSummary({ ...failedTask, id: otherTaskId }), taskSummary()),
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
    bench.handle((request, reply) => pageOf(request, reply, ...tasks));
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
        pageOf(request, reply, taskSummary({ content_preview: evil, source: evil }));
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
    expect(stdout).toMatch(/1 +mac-mini +finished .* 58\.0 s +runtime_error \(quota\)/);
    expect(stdout).toContain("runtime_error (quota): the provider refused");
    expect(stdout).toContain(`claw-mesh task retry ${taskId}`);
  });

  test("an id that is none is not found", async () => {
    const { exitCode, stderr } = await bench.run(["task", "show", "task_1"]);
    expect([exitCode, bench.requests.length]).toEqual([5, 0]);
    expect(stderr).toContain('there is no task "task_1"');
  });
});

describe("task watch", () => {
  const chunk = (offset: number, text: string) => ({ event: "chunk", data: { attempt: 1, offset, text } });

  test("goes on behind the last event it saw when the connection breaks", async () => {
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream")) return reply.json(taskInfo());
      const isFirst = requestsTo(`/tasks/${taskId}/stream`).length === 1;
      reply.events(
        isFirst ? [{ ...chunk(0, "Do"), id: "7" }] : [{ event: "result", id: "8", data: routeAnswer }],
      );
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "watch", taskId]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Message ${taskId} routed to node ${nodeId}\nResponse: Done\n`);
    expect(requestsTo(`/tasks/${taskId}/stream`).map(({ headers }) => headers["last-event-id"])).toEqual([
      undefined,
      "7",
    ]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(stderr).toContain("connection lost");
  });

  test("does not trust a stream that says nothing: it looks at the task, and asks again", async () => {
    const clock: Clock = {
      ...systemClock,
      after: (delayMs, callback, options) =>
        systemClock.after(delayMs === quietMs ? 20 : delayMs, callback, options),
    };
    bench.handle((request, reply) => {
      const looks = requestsTo(`/tasks/${taskId}`).length;
      if (!request.path.endsWith("/stream")) {
        if (looks > 2) return reply.json(taskInfo({ state: "succeeded", waiting_for: null }));
        return reply.json(taskInfo(looks > 1 ? { waiting_for: "a node with gpu" } : {}));
      }
      if (looks > 2) reply.events([{ event: "result", data: routeAnswer }]);
      else reply.events([chunk(0, "")], { staysOpen: true });
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "watch", taskId], { clock });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(stderr).toContain("Waiting for a node with gpu");
  });

  test("ends as send would when there is no answer", async () => {
    const error = { error: "no node fits", code: "NO_NODE_FITS", hint: "h", request_id: "r" };
    bench.handle((request, reply) => {
      if (request.path.endsWith("/stream")) reply.events([{ event: "error", data: error }]);
      else reply.json(taskInfo());
    });
    const { exitCode, stderr } = await bench.run(["task", "watch", taskId]);
    expect(exitCode).toBe(6);
    expect(stderr).toContain("no node fits");
  });

  test("Ctrl-C stops watching, cancels nothing, and says how to", async () => {
    const interrupt = new AbortController();
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream")) return reply.json(taskInfo());
      reply.events([chunk(0, "Do")], { staysOpen: true });
      interrupt.abort(new DOMException("SIGINT", "AbortError"));
    });
    const { exitCode, stderr } = await bench.run(["task", "watch", taskId], { interrupt: interrupt.signal });
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`claw-mesh task cancel ${taskId}`);
    expect(bench.requests.every(({ method }) => method === "GET")).toBe(true);
  });
});

describe("send", () => {
  test("--async queues, prints the id and how to follow it", async () => {
    bench.handle((_, reply) => reply.json(taskInfo(), 202));
    const { exitCode, stdout, stderr } = await bench.run(["send", "--auto", "--async", "hello"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`Task ${taskId} queued\n`)]);
    expect(stderr).toContain(`claw-mesh task watch ${taskId}`);
    expect(requestsTo("/tasks")).toHaveLength(1);
  });

  test("--wait queues once, although the first call and the stream are cut, and prints the answer", async () => {
    bench.handle((request, reply) => {
      if (request.method === "POST")
        return requestsTo("/tasks").length === 1 ? reply.cut() : reply.json(taskInfo(), 202);
      if (requestsTo(`/tasks/${taskId}/stream`).length === 1) return reply.cut();
      reply.events([{ event: "result", data: routeAnswer }]);
    });
    const { exitCode, stdout, stderr } = await bench.run(["send", "--auto", "--wait", "hello"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(new Set(requestsTo("/tasks").map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("--wait cancels the task on Ctrl-C, and says it again when it was not heard", async () => {
    const interrupt = new AbortController();
    const end: (() => void)[] = [];
    bench.handle((request, reply) => {
      if (request.path.endsWith("/cancel")) {
        if (requestsTo(`/tasks/${taskId}/cancel`).length === 1) return reply.cut();
        reply.json(taskInfo({ cancel_requested: true }), 202);
        for (const tell of end) tell();
      } else if (request.method === "POST") reply.json(taskInfo(), 202);
      else {
        const error = {
          error: "The message was cancelled.",
          code: "MESSAGE_CANCELLED",
          hint: "h",
          request_id: "r",
        };
        end.push(() => reply.events([{ event: "error", data: error }]));
        interrupt.abort(new DOMException("SIGINT", "AbortError"));
      }
    });
    const { exitCode, stderr } = await bench.run(["send", "--auto", "--wait", "hello"], {
      interrupt: interrupt.signal,
    });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("The message was cancelled.");
    expect(requestsTo(`/tasks/${taskId}/cancel`)).toHaveLength(2);
  });

  test.each([
    [["--async", "--wait"], "choose one of --async and --wait"],
    [["--expires-at", "2h"], "are for queued messages"],
    [["--async", "--explain"], "--explain needs the answer"],
  ])("refuses %p", async (flags, problem) => {
    const { exitCode, stderr } = await bench.run(["send", "--auto", ...flags, "hello"]);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr).toContain(problem);
  });
});

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
  const done = { matched: 2, done: [{ id: taskId }, { id: otherTaskId }], failed: [] };

  test("those that flags choose, oldest first, when the answer is yes", async () => {
    bench.handle((request, reply) =>
      request.method === "GET" ? pageOf(request, reply, ...two) : reply.json(done),
    );
    const args = ["task", "cancel", "--source", "x"];
    const yes = await bench.run(args, { isTerminal: true, line: "y" });
    expect([yes.exitCode, yes.stdout]).toEqual([0, expect.stringContaining("2 cancelled")]);
    expect(yes.stderr).toContain("Cancel 2 tasks? [y/N]");
    expect(requestsTo("/tasks/cancel")[0]?.body).toEqual({ ids: [taskId, otherTaskId] });
    expect(bench.requests[0]?.query).toMatchObject({ source: "x", state: "queued,running" });
  });

  test.each(["", "n", "no"])("nothing when the answer is %p", async (line) => {
    bench.handle((request, reply) => pageOf(request, reply, ...two));
    const { exitCode, stderr } = await bench.run(["task", "cancel", "--source", "x"], {
      isTerminal: true,
      line,
    });
    expect([exitCode, requestsTo("/tasks/cancel").length]).toEqual([0, 0]);
    expect(stderr).toContain("Nothing was changed.");
  });

  test("several without a terminal only with --yes", async () => {
    bench.handle((request, reply) =>
      request.method === "GET" ? pageOf(request, reply, ...two) : reply.json(done),
    );
    const refused = await bench.run(["task", "cancel", "--source", "x"]);
    expect([refused.exitCode, requestsTo("/tasks/cancel").length]).toEqual([2, 0]);
    expect(refused.stderr).toContain("--yes");
    expect((await bench.run(["task", "cancel", "--source", "x", "--yes"])).exitCode).toBe(0);
  });

  test("fails when one of them could not be cancelled, and names it", async () => {
    const failed = [{ id: otherTaskId, code: "TASK_NOT_FOUND", error: "There is no such task." }];
    bench.handle((_, reply) => reply.json({ matched: 2, done: [{ id: taskId }], failed }));
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
    expect(requestsTo(`/tasks/${taskId}/retry`)[0]?.body).toEqual({
      content: "other",
      target: null,
      requires: { gpu: true },
      priority: 0,
    });
  });

  test("flags choose ended tasks that were not run again", async () => {
    const again = taskSummary({ ...failedTask, id: otherTaskId, retried_as: `task_${"d".repeat(32)}` });
    bench.handle((request, reply) => {
      if (request.method === "GET") pageOf(request, reply, again, taskSummary(failedTask));
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
    expect(requestsTo("/tasks/retry")[0]?.body).toEqual({ ids: [taskId] });
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
      if (request.method === "GET") pageOf(request, reply, taskSummary(failedTask));
      else reply.json({ matched: 1, done: [{ id: taskId }], failed: [] });
    });
    expect((await bench.run(["dead-letter", "list"])).stdout).toContain("runtime_error (quota)");
    expect((await bench.run(["dead-letter", "retry", "--all"])).exitCode).toBe(0);
    expect((await bench.run(["dead-letter", "discard", "--class", "runtime_error"])).exitCode).toBe(0);
    const lists = requestsTo("/tasks");
    expect(lists.map(({ query }) => query.dead_letter)).toEqual(["true", "true", "true"]);
    expect(requestsTo("/tasks/discard")[0]?.body).toEqual({ ids: [taskId] });
  });
});

describe("task export", () => {
  test("writes each task in full as a line, in the order of the list", async () => {
    const ids = [otherTaskId, taskId];
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks")) pageOf(request, reply, ...ids.map((id) => taskSummary({ id })));
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

  test("leaves an older file alone when it fails half way", async () => {
    const file = join(bench.directory, "out.jsonl");
    await Bun.write(file, "old");
    bench.handle((request, reply) => {
      if (request.path.endsWith("/tasks")) pageOf(request, reply, taskSummary());
      else reply.json({ error: "no", code: "TASK_NOT_FOUND" }, 404);
    });
    expect((await bench.run(["task", "export", "--output", file])).exitCode).toBe(5);
    expect(await Bun.file(file).text()).toBe("old");
  });
});

describe("dead-letter edit", () => {
  async function edit(script: string) {
    bench.handle((request, reply) => {
      if (request.method === "GET") reply.json(taskInfo({ ...failedTask, content: "Build\n  the app: #1" }));
      else reply.json(taskInfo({ id: otherTaskId }), 202);
    });
    const run = await bench.run(["dead-letter", "edit", taskId], {
      isTerminal: true,
      env: { EDITOR: script, PATH: "/usr/bin:/bin" },
    });
    return { ...run, sent: requestsTo(`/tasks/${taskId}/retry`).map(({ body }) => body) };
  }

  test("runs what the editor left, and sends only what was changed", async () => {
    const { exitCode, stdout, sent } = await edit(
      "sed -i -e 's/the app/the tests/' -e 's/^target:.*/target: macs/'",
    );
    expect([exitCode, stdout]).toEqual([0, `Task ${taskId} runs again as ${otherTaskId}\n`]);
    expect(sent).toEqual([{ content: "Build\n  the tests: #1", target: "macs" }]);
  });

  test.each(["true", "touch", "sed -i 1i#comment"])(
    "does nothing when nothing was changed (%s)",
    async (script) => {
      const { exitCode, stderr, sent } = await edit(script);
      expect([exitCode, sent]).toEqual([0, []]);
      expect(stderr).toContain("Nothing was changed");
    },
  );

  test("shows what is wrong and lets it be corrected", async () => {
    const script =
      "f() { if grep -q 'could not be read' \"$1\"; then sed -i 's/maybe/safe/' \"$1\"; else sed -i 's/^effects: unsafe/effects: maybe/' \"$1\"; fi; }; f";
    const { exitCode, stderr, sent } = await edit(script);
    expect([exitCode, sent]).toEqual([0, [{ effects: "safe" }]]);
    expect(stderr).toContain("could not be read: effects");
  });

  test("keeps the text when the editor fails", async () => {
    const { exitCode, stderr, sent } = await edit("sh -c 'exit 3'");
    expect([exitCode, sent]).toEqual([2, []]);
    expect(stderr).toContain("ended with code 3");
    const file = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
    expect(await Bun.file(file).text()).toContain("Build");
  });

  test("takes flags where there is no terminal", async () => {
    bench.handle((request, reply) => {
      if (request.method === "GET") reply.json(taskInfo(failedTask));
      else reply.json(taskInfo({ id: otherTaskId }), 202);
    });
    const without = await bench.run(["dead-letter", "edit", taskId]);
    expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining("--message")]);
    const same = await bench.run(["dead-letter", "edit", taskId, "--message", "Build the app"]);
    expect(same.stderr).toContain("Nothing was changed");
    expect(requestsTo(`/tasks/${taskId}/retry`)).toEqual([]);
    await bench.run(["dead-letter", "edit", taskId, "--file", "-"], { stdin: "Other\n" });
    expect(requestsTo(`/tasks/${taskId}/retry`)[0]?.body).toEqual({ content: "Other" });
  });
});
