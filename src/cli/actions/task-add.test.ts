import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type CliBench,
  cliSecret,
  createCliBench,
  createHurriedClock,
  type Reply,
  type SeenRequest,
  taskId,
  taskInfo,
} from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

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
    expect(bench.requests[0]?.headers["idempotency-key"]).toBe(cliSecret);
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

  test.each([
    ["a gateway answers for the coordinator", (reply: Reply) => reply.foreign(502)],
    ["a proxy does", (reply: Reply) => reply.foreign(504, { via: "1.1 nginx" })],
    ["the store hesitates", (reply: Reply) => reply.json({ error: "disk", code: "STORE_UNAVAILABLE" }, 503)],
  ] as const)("asks again under the same key when %s, and tells the key at last", async (_, breakOff) => {
    bench.handle((__, reply) =>
      bench.requests.length === 1 ? breakOff(reply) : reply.json(taskInfo(), 202),
    );
    const clock = createHurriedClock();
    expect((await bench.run(["task", "add", "hello"], { clock })).exitCode).toBe(0);
    bench.handle((__, reply) => breakOff(reply));
    const { exitCode, stderr } = await bench.run(["task", "add", "hello", "--not-before", "2h"], { clock });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(
      `Say the same again with --key ${cliSecret} --not-before 2026-11-22T18:00:00.000Z, in place of the times`,
    );
    expect(new Set(bench.requests.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("goes on past a proxy and a limit that come in the way after it was sent", async () => {
    bench.handle((_, reply) => {
      if (bench.requests.length === 1) reply.cut();
      else if (bench.requests.length === 2) reply.foreign(407);
      else if (bench.requests.length === 3) reply.json({ error: "full", code: "QUEUE_FULL" }, 503);
      else reply.json(taskInfo(), 202);
    });
    const { exitCode } = await bench.run(["task", "add", "hello"], { clock: createHurriedClock() });
    expect([exitCode, bench.requests.length]).toEqual([0, 4]);
  });

  test.each([
    ["a fault inside", (reply: Reply) => reply.json({ error: "a fault", code: "INTERNAL" }, 500)],
    ["an answer of somebody else", (reply: Reply) => reply.foreign(200)],
    ["an answer that cannot be read", (reply: Reply) => reply.json({ id: "strange" }, 202)],
    [
      "a refusal after a loss",
      (reply: Reply) =>
        bench.requests.length === 1 ? reply.cut() : reply.json({ error: "no", code: "TOKEN_INVALID" }, 401),
    ],
  ] as const)("tells the key after %s", async (_, answer) => {
    bench.handle((__, reply) => answer(reply));
    const { stderr } = await bench.run(["task", "add", "hello", "--key", "my own"], {
      clock: createHurriedClock(),
    });
    expect(stderr).toContain("Say the same again with --key 'my own': it is then queued once.");
  });

  test("tells the key when Ctrl-C leaves it on its way", async () => {
    const interrupt = new AbortController();
    bench.handle(() => interrupt.abort(new DOMException("SIGINT", "AbortError")));
    for (const args of [
      ["task", "add", "hello"],
      ["send", "--auto", "--async", "hello"],
    ]) {
      const run = await bench.run(args, { interrupt: interrupt.signal });
      expect([run.exitCode, run.stderr]).toEqual([1, expect.stringContaining("Error: interrupted")]);
      if (args[0] === "task") expect(run.stderr).toContain(`--key ${cliSecret}`);
    }
    expect(bench.requests).toHaveLength(1);
  });

  test("tells no key when it surely was not queued", async () => {
    bench.handle((_, reply) => reply.json({ error: "full", code: "QUEUE_FULL" }, 503));
    expect((await bench.run(["task", "add", "hello"])).stderr).not.toContain("--key");
    bench.handle((_, reply) => reply.foreign(403, { via: "1.1 squid" }));
    expect((await bench.run(["task", "add", "hello"])).stderr).not.toContain("--key");
    expect(bench.requests).toHaveLength(2);
  });

  test.each([["task add x"], ["task add --file -"], ["send --auto --async x"], ["send --auto --wait x"]])(
    "%s: a key and a time from now exclude each other",
    async (line) => {
      const times = ["--key", "K", "--not-before", "2h", "--expires-at", "2026-11-24T00:00:00Z"];
      const run = await bench.run([...line.split(" "), ...times], { stdin: '{"content":"x"}' });
      expect([run.exitCode, bench.requests.length]).toEqual([2, 0]);
      expect(run.stderr).toContain("--key needs moments that stay the same");
      expect(run.stderr).toContain("Give the moment itself: --not-before 2026-11-22T18:00:00.000Z\n");
    },
  );

  test("says at once that nobody listens", async () => {
    const { exitCode, stderr } = await bench.run(["task", "add", "hello", "--coordinator", "127.0.0.1:1"]);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("cannot reach the coordinator");
  });

  test.each([
    [["--priority", "10", "x"], "is not a priority"],
    [["--expires-at", "tomorrow", "x"], "is not a time like 10m"],
    [["--expires-at", "2026-11-22T15:59:59Z", "x"], "--expires-at 2026-11-22T15:59:59Z is in the past"],
    [["--not-before", "2h", "--expires-at", "1h", "x"], "--expires-at must come after --not-before"],
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

  test("says under a key of one's own how the tasks are, which may have been there before", async () => {
    bench.handle((request, reply) => {
      const state = request.body.content === "0" ? "succeeded" : "queued";
      reply.json(taskInfo({ id: numbered(request), state }), 202);
    });
    const stdin = '{"content":"0"}\n{"content":"1"}\n{"content":"2"}\n';
    const own = await bench.run(["task", "add", "--file", "-", "--key", "book-7"], { stdin });
    expect(own.stderr).toBe(
      "3 tasks on record under this key: 2 queued, 1 succeeded; none is queued twice\n",
    );
    const fresh = await bench.run(["task", "add", "--file", "-"], { stdin });
    expect(fresh.stderr).toBe("3 tasks queued\n");
    const one = await bench.run(["task", "add", "--key", "book-7", "1"]);
    expect(one.stdout).toStartWith(`Task task_${"1".padStart(32, "0")} is queued\n`);
  });

  test("names all bad lines in plain words, and has sent nothing then", async () => {
    const file = join(bench.directory, "tasks.jsonl");
    const lines = [
      '{"content":"a"}',
      '{"content":"b","efects":"safe"}',
      "nonsense",
      '{"kontent":"d"}',
      '{"content":5,"effects":"maybe","priority":1.5}',
      '{"content":"f","expires_at":"2026-11-22T15:00:00Z"}',
    ];
    await Bun.write(file, lines.join("\n"));
    const { exitCode, stderr } = await bench.run(["task", "add", "--file", file]);
    expect([exitCode, bench.requests.length]).toEqual([2, 0]);
    expect(stderr.split("\n").slice(0, 5)).toEqual([
      'Error: line 2: there is no field "efects"; did you mean "effects"?',
      "line 3: is not a JSON object",
      'line 4: "content" is missing; there is no field "kontent"; did you mean "content"?',
      'line 5: "content" must be a text; "effects" must be one of safe, unsafe; "priority" must be a whole number',
      "line 6: expires_at 2026-11-22T15:00:00Z is in the past",
    ]);
  });

  test("names ten bad lines at most", async () => {
    const { exitCode, stderr } = await bench.run(["task", "add", "--file", "-"], {
      stdin: "no\n".repeat(12),
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("line 10: is not a JSON object\nand 2 more bad lines\n");
    expect(stderr).not.toContain("line 11");
  });

  test("takes up what was queued under its key although its time is over", async () => {
    bench.handle((_, reply) => reply.json(taskInfo({ state: "expired", waiting_for: null }), 202));
    const stdin = '{"content":"f","expires_at":"2026-11-22T15:00:00Z"}\n';
    expect((await bench.run(["task", "add", "--file", "-", "--key", "mine"], { stdin })).exitCode).toBe(0);
    const flags = ["--key", "mine", "--expires-at", "2026-11-22T15:00:00Z"];
    expect((await bench.run(["task", "add", ...flags, "f"])).exitCode).toBe(0);
  });

  test("does not send who typed a command to the description of the API", async () => {
    const hint = "Compare the body with /api/v1/openapi.json.";
    bench.handle((_, reply) => reply.json({ error: "not_before is far", code: "BODY_INVALID", hint }, 400));
    const { stderr } = await bench.run(["task", "add", "--not-before", "9000d", "f"]);
    expect(stderr).toContain("not_before is far");
    expect(stderr).not.toContain("openapi");
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
    expect(stderr).toContain(`--key ${cliSecret}`);
  });

  test("can be gone on with as it says, also with times from now", async () => {
    const stdin = '{"content":"0"}\n{"content":"1"}\n';
    bench.handle((request, reply) => {
      if (request.body.content === "1") reply.json({ error: "full", code: "QUEUE_FULL" }, 503);
      else reply.json(taskInfo({ id: numbered(request) }), 202);
    });
    const { stderr } = await bench.run(["task", "add", "--file", "-", "--expires-at", "2h"], { stdin });
    const [, flags = ""] = /again with (.*), in place of the times you gave/.exec(stderr) ?? [];
    expect(flags).toBe(`--key ${cliSecret} --expires-at 2026-11-22T18:00:00.000Z`);
    bench.handle((request, reply) => reply.json(taskInfo({ id: numbered(request) }), 202));
    const again = await bench.run(["task", "add", "--file", "-", ...flags.split(" ")], { stdin });
    expect(again.exitCode).toBe(0);
    const [before, after] = [bench.requests.slice(0, 2), bench.requests.slice(2)].map((requests) =>
      requests.map(({ headers, body }) => [headers["idempotency-key"], body]).sort(),
    );
    expect(after).toEqual(before);
  });

  test("tells the key when it is left by Ctrl-C", async () => {
    const interrupt = new AbortController();
    bench.handle(() => interrupt.abort(new DOMException("SIGINT", "AbortError")));
    const stdin = '{"content":"0"}\n';
    const args = ["task", "add", "--file", "-"];
    const { exitCode, stderr } = await bench.run(args, { stdin, interrupt: interrupt.signal });
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining(`Say the same again with --key ${cliSecret}`),
    ]);
  });
});
