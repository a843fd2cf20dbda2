import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  createCliBench,
  createHurriedClock,
  nodeId,
  type Reply,
  routeAnswer,
  taskId,
  taskInfo,
} from "../../../test/support/cli-run.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";
import { quietMs } from "../quiet-stream.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** On it a stream is quiet for long after 20 ms. */
const impatientClock: Clock = {
  ...systemClock,
  after: (delayMs, callback, options) =>
    systemClock.after(delayMs === quietMs ? 20 : delayMs, callback, options),
};

const waitingDecision = {
  decided_at: "2026-11-22T15:59:58.000Z",
  outcome: "waiting",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: "mac-mini",
  session: null,
  declared: {},
  inferred: [],
  candidate_count: 0,
  ranking: [],
  refused: { counts: {}, named: [] },
  unblock: [
    {
      needs: "the target mac-mini",
      nodes: [{ node_id: nodeId, name: "mac-mini", reason: "offline", since: "2026-11-22T15:59:58.000Z" }],
    },
  ],
};

describe("task watch", () => {
  const chunk = (offset: number, text: string) => ({ event: "chunk", data: { attempt: 1, offset, text } });

  test("goes on behind the last event it saw when the connection breaks", async () => {
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream")) return reply.json(taskInfo());
      const isFirst = bench.requestsTo(`/tasks/${taskId}/stream`).length === 1;
      reply.events(
        isFirst ? [{ ...chunk(0, "Do"), id: "7" }] : [{ event: "result", id: "8", data: routeAnswer }],
      );
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "watch", taskId]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Message ${taskId} routed to node ${nodeId} (mac-mini)\nResponse: Done\n`);
    expect(
      bench.requestsTo(`/tasks/${taskId}/stream`).map(({ headers }) => headers["last-event-id"]),
    ).toEqual([undefined, "7"]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(stderr).toContain("connection lost");
  });

  test("tells a reason once, however long it lasts", async () => {
    const waiting = {
      event: "decision",
      data: { message_id: taskId, attempt: 0, decision: waitingDecision },
    };
    bench.handle((request, reply) => {
      if (request.path.endsWith("/stream")) reply.events([waiting, { event: "result", data: routeAnswer }]);
      else reply.json(taskInfo({ waiting_for: "the target mac-mini, offline for 1 s" }));
    });
    const { stderr } = await bench.run(["task", "watch", taskId]);
    expect(stderr).toBe("Waiting for the target mac-mini, offline for 1 s\n");
  });

  test("waits for what comes in the way while it reconnects to pass", async () => {
    const obstacles: readonly ((reply: Reply) => void)[] = [
      (reply) => reply.cut(),
      (reply) => reply.foreign(502),
      (reply) => reply.foreign(407),
      (reply) => reply.foreign(200),
      (reply) => reply.json({ error: "streams", code: "QUEUE_FULL" }, 503),
      (reply) => reply.json({ error: "disk", code: "STORE_UNAVAILABLE" }, 503),
    ];
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream")) return reply.json(taskInfo());
      const obstacle = obstacles[bench.requestsTo(`/tasks/${taskId}/stream`).length - 1];
      if (obstacle === undefined) reply.events([{ event: "result", data: routeAnswer }]);
      else obstacle(reply);
    });
    const { exitCode, stdout } = await bench.run(["task", "watch", taskId], { clock: createHurriedClock() });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
  });

  test("does not trust a stream that says nothing: it looks at the task, and asks again", async () => {
    bench.handle((request, reply) => {
      const looks = bench.requestsTo(`/tasks/${taskId}`).length;
      if (!request.path.endsWith("/stream")) {
        if (looks > 2) return reply.json(taskInfo({ state: "succeeded", waiting_for: null }));
        return reply.json(taskInfo(looks > 1 ? { waiting_for: "a node with gpu" } : {}));
      }
      if (looks > 2) reply.events([{ event: "result", data: routeAnswer }]);
      else reply.events([chunk(0, "")], { staysOpen: true });
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "watch", taskId], {
      clock: impatientClock,
    });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
    expect(stderr).toContain("Waiting for a node with os=darwin");
    expect(stderr).toContain("Waiting for a node with gpu");
  });

  test("opens a quiet stream again when the task cannot be looked at either", async () => {
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream")) {
        if (bench.requestsTo(`/tasks/${taskId}`).length === 1) reply.json(taskInfo());
        else reply.foreign(502);
      } else if (bench.requestsTo(`/tasks/${taskId}/stream`).length > 1) {
        reply.events([{ event: "result", data: routeAnswer }]);
      } else reply.events([chunk(0, "")], { staysOpen: true });
    });
    const { exitCode, stdout } = await bench.run(["task", "watch", taskId], { clock: impatientClock });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("Response: Done")]);
  });

  test.each([false, true])("waits for nothing when the task has ended (terminal: %p)", async (isTerminal) => {
    bench.handle((request, reply) => {
      if (!request.path.endsWith("/stream"))
        return reply.json(taskInfo({ state: "expired", waiting_for: null }));
      reply.events(
        [{ event: "decision", data: { message_id: taskId, attempt: 0, decision: waitingDecision } }],
        { staysOpen: true },
      );
      // Longer than a line of progress takes to appear.
      const error = { error: "expired", code: "MESSAGE_EXPIRED", hint: "h", request_id: "r" };
      setTimeout(() => reply.events([{ event: "error", data: error }]), 700);
    });
    const { exitCode, stdout, stderr } = await bench.run(["task", "watch", taskId], { isTerminal });
    expect(exitCode).toBe(1);
    expect(`${stdout}${stderr}`).not.toMatch(/waiting/i);
  });

  test("names the task and its node when there is no answer", async () => {
    const details = { message_id: taskId, node_id: nodeId, node_name: "mac-mini" };
    const error = { error: "HTTP 500", code: "RUNTIME_FAILED", hint: "h", request_id: "r", details };
    bench.handle((request, reply) => {
      if (request.path.endsWith("/stream")) reply.events([{ event: "error", data: error }]);
      else reply.json(taskInfo());
    });
    for (const args of [
      ["task", "watch", taskId],
      ["send", "--auto", "x"],
    ]) {
      if (args[0] === "send") bench.handle((_, reply) => reply.events([{ event: "error", data: error }]));
      expect((await bench.run(args)).stderr).toContain(
        `Message ${taskId} on node mac-mini (${nodeId}); all about it: claw-mesh task show ${taskId}\n`,
      );
    }
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
