import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  cliSecret,
  createCliBench,
  createHurriedClock,
  routeAnswer,
  taskId,
  taskInfo,
} from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("send of a queued message", () => {
  test("--async queues, prints the id and how to follow it", async () => {
    bench.handle((_, reply) => reply.json(taskInfo(), 202));
    const { exitCode, stdout, stderr } = await bench.run(["send", "--auto", "--async", "hello"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`Task ${taskId} queued\n`)]);
    expect(stderr).toContain(`claw-mesh task watch ${taskId}`);
    expect(bench.requestsTo("/tasks")).toHaveLength(1);
  });

  test("--wait queues once, although the first call and the stream are cut, and prints the answer", async () => {
    bench.handle((request, reply) => {
      if (request.method === "POST")
        return bench.requestsTo("/tasks").length === 1 ? reply.cut() : reply.json(taskInfo(), 202);
      if (bench.requestsTo(`/tasks/${taskId}/stream`).length === 1) return reply.cut();
      reply.events([{ event: "result", data: routeAnswer }]);
    });
    const { exitCode, stdout, stderr } = await bench.run(["send", "--auto", "--wait", "hello"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(new Set(bench.requestsTo("/tasks").map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  });

  test("--wait tells the key when Ctrl-C leaves it before it has a name", async () => {
    const interrupt = new AbortController();
    bench.handle(() => interrupt.abort(new DOMException("SIGINT", "AbortError")));
    const { exitCode, stderr } = await bench.run(["send", "--auto", "--wait", "hello"], {
      clock: createHurriedClock(),
      interrupt: interrupt.signal,
    });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`--key ${cliSecret}`)]);
  });

  test("--wait cancels the task on Ctrl-C, and says it again when it was not heard", async () => {
    const interrupt = new AbortController();
    const end: (() => void)[] = [];
    bench.handle((request, reply) => {
      if (request.path.endsWith("/cancel")) {
        if (bench.requestsTo(`/tasks/${taskId}/cancel`).length === 1) return reply.cut();
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
    expect(bench.requestsTo(`/tasks/${taskId}/cancel`)).toHaveLength(2);
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
