import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type CliBench,
  cliSecret,
  createCliBench,
  createHurriedClock,
  nodeId,
  type Reply,
  routeAnswer,
  taskId,
} from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const chunk = (offset: number, text: string) => ({ event: "chunk", data: { attempt: 1, offset, text } });
const result = { event: "result", data: routeAnswer };

const twoLines = { event: "result", data: { ...routeAnswer, response: "Hello\nthere" } };

const decision = {
  decided_at: "2026-11-22T10:00:00.000Z",
  outcome: "unroutable",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: null,
  session: null,
  declared: {},
  inferred: [{ need: "gpu", because: "train a model" }],
  candidate_count: 0,
  ranking: [],
  refused: { counts: { offline: 1 }, named: [{ node_id: nodeId, name: "linux-box", reason: "offline" }] },
  unblock: [{ needs: "gpu", nodes: [] }],
};

const sentKeys = () => bench.requests.map(({ headers }) => headers["idempotency-key"]);

describe("send", () => {
  test("without a terminal prints the two lines of the classic tool", async () => {
    bench.handle((_, reply) => reply.events([chunk(0, "Hello"), twoLines]));
    const { exitCode, stdout } = await bench.run(["send", "--auto", "hi"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`Message ${taskId} routed to node ${nodeId} (mac-mini)\nResponse: Hello\nthere\n`);
  });

  test("sends what the flags say, with a key, and takes the message from standard input", async () => {
    bench.handle((_, reply) => reply.json(routeAnswer));
    const flags = [
      "--node",
      "mac",
      "--requires",
      "gpu,skill=docker",
      "--session",
      "s",
      "--label",
      "a=b",
      "--label",
      "c=d",
    ];
    const { exitCode } = await bench.run(
      ["send", ...flags, "--timeout", "2m", "--effects", "safe", "--no-infer", "--untrusted"],
      {
        stdin: "from input\n",
      },
    );
    expect(exitCode).toBe(0);
    const [seen] = bench.requests;
    expect([seen?.path, seen?.headers["idempotency-key"], seen?.body]).toEqual([
      "/api/v1/route/mac",
      cliSecret,
      {
        content: "from input",
        source: "cli",
        session: "s",
        requires: { gpu: true, skills: ["docker"] },
        labels: { a: "b", c: "d" },
        timeout_s: 120,
        effects: "safe",
        infer: false,
        untrusted: true,
      },
    ]);
  });

  test("--json prints the answer with its fields", async () => {
    bench.handle((_, reply) => reply.events([chunk(0, "Hello"), result]));
    expect(JSON.parse((await bench.run(["send", "--auto", "--json", "hi"])).stdout)).toEqual(routeAnswer);
  });

  test("shows the text on a terminal as it comes", async () => {
    const seen: string[] = [];
    const shown = Promise.withResolvers<void>();
    bench.handle((_, reply) => {
      reply.events([chunk(0, "Hel")], { staysOpen: true });
      void shown.promise.then(() => reply.events([chunk(3, "lo\nthere"), twoLines]));
    });
    const { stdout } = await bench.run(["send", "--auto", "hi"], {
      isTerminal: true,
      onStdout: (text) => {
        seen.push(text);
        if (text.includes("Hel")) shown.resolve();
      },
    });
    expect(stdout).toContain("Response: Hello\nthere");
    expect(seen.some((text) => text === "Hel")).toBe(true);
    expect(stdout).toContain(`Message ${taskId} routed to node ${nodeId} (mac-mini)\n`);
  });

  test("picks a message up again by its key when the connection is lost", async () => {
    bench.handle((_, reply) => reply.events([bench.requests.length === 1 ? chunk(0, "Hel") : result]));
    const { exitCode, stdout } = await bench.run(["send", "--auto", "hi"]);
    expect([exitCode, sentKeys()]).toEqual([0, [cliSecret, cliSecret]]);
    expect(stdout).toContain("Response: Done");
  });

  test("does not try again when nobody listens at the address", async () => {
    const refused = await bench.run(["send", "--auto", "hi", "--coordinator", "http://127.0.0.1:1"]);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).not.toContain("--key");
  });

  test("Ctrl-C cancels the message and waits for its end", async () => {
    const interrupt = new AbortController();
    bench.handle((request, reply) => {
      if (request.path.endsWith("/cancel")) return reply.json({ error: "over", code: "TASK_NOT_FOUND" }, 404);
      const data = { message_id: taskId, attempt: 1, decision };
      reply.events([{ event: "decision", data }], { staysOpen: true });
      interrupt.abort(new DOMException("SIGINT", "AbortError"));
    });
    const { exitCode } = await bench.run(["send", "--auto", "hi"], { interrupt: interrupt.signal });
    expect(bench.requestsTo(`/tasks/${taskId}/cancel`)).toHaveLength(1);
    expect(exitCode).not.toBe(0);
  });

  test.each([
    ["the connection is cut", (reply: Reply) => reply.cut()],
    ["a gateway answers", (reply: Reply) => reply.foreign(504)],
    ["a proxy answers", (reply: Reply) => reply.foreign(502, { via: "1.1 squid" })],
    ["the store hesitates", (reply: Reply) => reply.json({ error: "disk", code: "STORE_UNAVAILABLE" }, 503)],
  ] as const)("is taken up by its key when %s before anything was heard", async (_, breakOff) => {
    bench.handle((__, reply) => (bench.requests.length === 1 ? breakOff(reply) : reply.events([result])));
    const { exitCode, stdout } = await bench.run(["send", "--auto", "hi"], { clock: createHurriedClock() });
    expect([exitCode, sentKeys()]).toEqual([0, [cliSecret, cliSecret]]);
    expect(stdout).toContain("Response: Done");
  });

  test("goes on past a proxy and a limit that come in the way after it was sent", async () => {
    bench.handle((_, reply) => {
      if (bench.requests.length === 1) reply.cut();
      else if (bench.requests.length === 2) reply.foreign(403, { via: "1.1 squid" });
      else if (bench.requests.length === 3) reply.json({ error: "streams", code: "QUEUE_FULL" }, 503);
      else reply.events([result]);
    });
    const { exitCode } = await bench.run(["send", "--auto", "hi"], { clock: createHurriedClock() });
    expect([exitCode, sentKeys()]).toEqual([0, Array(4).fill(cliSecret)]);
  });

  test.each([200, 404, 500])(
    "says at once that something else answers at the address (%d)",
    async (status) => {
      bench.handle((_, reply) => reply.foreign(status));
      const { exitCode, stderr } = await bench.run(["send", "--auto", "hi"]);
      expect([exitCode, bench.requests.length]).toEqual([3, 1]);
      expect(stderr).toContain("check --coordinator");
    },
  );

  test("tells the key when it gives up on a message that may run", async () => {
    const again = `Say the same again with --key ${cliSecret}`;
    bench.handle((_, reply) => reply.cut());
    const lost = await bench.run(["send", "--auto", "hi"], { clock: createHurriedClock() });
    expect([lost.exitCode, lost.stderr]).toEqual([3, expect.stringContaining(again)]);
    bench.handle((_, reply) => reply.json({ error: "a fault", code: "INTERNAL" }, 500));
    const { stderr } = await bench.run(["send", "--auto", "hi"], { clock: createHurriedClock() });
    expect(stderr).toContain(again);
    const interrupt = new AbortController();
    bench.handle(() => interrupt.abort(new DOMException("SIGINT", "AbortError")));
    const left = await bench.run(["send", "--auto", "hi"], {
      clock: createHurriedClock(),
      interrupt: interrupt.signal,
    });
    expect([left.exitCode, left.stderr]).toEqual([1, expect.stringContaining(again)]);
  });

  test("tells no key when the outcome is sure", async () => {
    bench.handle((_, reply) => (bench.requests.length === 1 ? reply.cut() : reply.json(failed, 502)));
    const failed = { error: "it may have run", code: "OUTCOME_UNKNOWN", hint: "look there", request_id: "r" };
    const { stderr } = await bench.run(["send", "--auto", "hi"], { clock: createHurriedClock() });
    expect(stderr).toContain("look there");
    bench.handle((_, reply) => reply.json({ error: "no", code: "TOKEN_INVALID" }, 401));
    expect((await bench.run(["send", "--auto", "hi"])).stderr).not.toContain("--key");
    bench.handle((_, reply) => reply.foreign(403, { via: "1.1 squid" }));
    expect((await bench.run(["send", "--auto", "hi"])).stderr).not.toContain("--key");
  });

  test("an answer cannot steer the terminal", async () => {
    bench.handle((_, reply) => reply.json({ ...routeAnswer, response: "a\u001b]0;title\u0007b\u001b[2J" }));
    expect((await bench.run(["send", "--auto", "hi"])).stdout).toEndWith("Response: ab\n");
  });

  test("a message on no node shows why", async () => {
    bench.handle((_, reply) =>
      reply.json({ error: "no online nodes available", code: "NO_NODE_FITS", details: { decision } }, 503),
    );
    const { exitCode, stderr } = await bench.run(["send", "--auto", "hi"]);
    expect(exitCode).toBe(6);
    expect(stderr).toContain("No node fits");
    expect(stderr).toContain("linux-box: offline");
  });
});
