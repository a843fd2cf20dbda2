import { describe, expect, test } from "bun:test";
import { defaultRetryPolicy } from "../../domain/tasks/retry-policy.ts";
import type { Attempt, Task } from "../../domain/tasks/task.ts";
import { silentLog } from "../../platform/log.ts";
import type { Decision } from "../../protocol/decision.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeId, TaskId } from "../../protocol/ids.ts";
import { createAnswerStream } from "./answer-stream.ts";
import { createLiveTask, notify } from "./live-task.ts";
import { createStreamPositions } from "./stream-position.ts";
import { toRouteAnswer } from "./task-outcome.ts";

const decision: Decision = {
  decided_at: "2026-01-01T00:00:00.000Z",
  outcome: "assigned",
  rule: null,
  passed_over: [],
  strategy: "least-busy",
  target: null,
  session: null,
  declared: {},
  inferred: [],
  candidate_count: 1,
  ranking: [],
  refused: { counts: {}, named: [] },
  unblock: [],
};

function attempt(number: number, state: Attempt["state"]): Attempt {
  return {
    number,
    nodeId: "node_1" as NodeId,
    nodeName: "worker",
    state,
    offeredAtMs: 0,
    startedAtMs: null,
    endedAtMs: null,
    failure: null,
    isLateResult: false,
  };
}

function task(parts: Partial<Task>): Task {
  return {
    message: {
      id: "task_1" as TaskId,
      subject: "admin",
      content: "x",
      source: "test",
      session: null,
      requires: {},
      labels: {},
      target: null,
      effects: "unsafe",
      infer: true,
      timeoutMs: 1000,
      createdAtMs: 0,
      isSynchronous: true,
      priority: 5,
      notBeforeMs: null,
      expiresAtMs: null,
      retry: defaultRetryPolicy,
      isUntrusted: false,
      allowedGroups: null,
      address: null,
      retryOf: null,
      idempotencyKey: null,
      bodyHash: null,
    },
    state: "running",
    cancelRequestedAtMs: null,
    endedAtMs: null,
    nodeId: null,
    response: null,
    failure: null,
    decision,
    attempts: [],
    retriedAs: null,
    discardedAtMs: null,
    ...parts,
  };
}

const positions = createStreamPositions("mark");

function open(first: Task) {
  const live = createLiveTask(first, 0);
  let calls = 0;
  let ends = 0;
  const join = (lastEventId: string | null) =>
    createAnswerStream(live, {
      requestId: "req_1",
      log: silentLog,
      from: positions.parse(lastEventId),
      refresh: () => undefined,
      printPosition: positions.print,
      seesAll: true,
      answerOf: (task) => toRouteAnswer(task, true),
      onGone: () => undefined,
      onEnd: () => {
        ends += 1;
      },
    });
  const stream = join(null);
  const stop = stream.onMore(() => {
    calls += 1;
  });
  const events = () => stream.take().map(({ event }) => event);
  return { live, stream, join, stop, events, calls: () => calls, ends: () => ends };
}

const succeeded = task({
  state: "succeeded",
  response: "done",
  endedAtMs: 5,
  attempts: [attempt(1, "finished")],
});

describe("the stream of an answer", () => {
  test("tells one decision for each attempt", () => {
    const { live, stream, events } = open(task({ attempts: [attempt(1, "offered")] }));
    expect(stream.take()).toEqual([
      { event: "decision", data: { message_id: live.id, attempt: 1, decision } },
    ]);
    live.task = task({ attempts: [attempt(1, "started")] });
    expect(events()).toEqual([]);
    live.task = task({ state: "queued", attempts: [attempt(1, "lost")] });
    expect(events()).toEqual([]);
    live.task = task({ attempts: [attempt(1, "lost"), attempt(2, "offered")] });
    expect(stream.take()).toMatchObject([{ event: "decision", data: { attempt: 2 } }]);
  });

  test("tells the decision to wait once, then the one to go", () => {
    const { live, events } = open(task({ state: "queued" }));
    expect(events()).toEqual(["decision"]);
    expect(events()).toEqual([]);
    live.task = task({ attempts: [attempt(1, "offered")] });
    expect(events()).toEqual(["decision"]);
  });

  test("tells anew what a message waits for when that changes, and only then", () => {
    const waiting: Decision = { ...decision, outcome: "waiting", unblock: [{ needs: "a node", nodes: [] }] };
    const later: Decision = { ...waiting, decided_at: "2026-01-01T00:00:09.000Z" };
    const other: Decision = { ...waiting, unblock: [{ needs: "gpu", nodes: [] }] };
    const { live, stream, events } = open(task({ state: "queued", decision: waiting }));
    expect(events()).toEqual(["decision"]);
    live.task = task({ state: "queued", decision: later });
    expect(events()).toEqual([]);
    live.task = task({ state: "queued", decision: other });
    expect(stream.take()).toMatchObject([
      { data: { attempt: 0, decision: { unblock: [{ needs: "gpu" }] } } },
    ]);
    live.task = task({ attempts: [attempt(1, "offered")] });
    expect(events()).toEqual(["decision"]);
    live.task = task({ state: "queued", decision: other, attempts: [attempt(1, "refused")] });
    expect(stream.take()).toMatchObject([{ event: "decision", data: { attempt: 0 } }]);
    expect(events()).toEqual([]);
  });

  test("goes on behind the last event that a reader had", () => {
    const { live, stream, join } = open(task({ attempts: [attempt(1, "started")] }));
    live.preview.append(0, "so far");
    const id = stream.take().at(-1)?.id ?? "";
    live.preview.append(6, ", and on");
    expect(join(id).take()).toEqual([
      {
        event: "chunk",
        id: positions.print({ attempt: 1, epoch: 0, length: 14 }),
        data: { attempt: 1, offset: 6, text: ", and on" },
      },
    ]);
    live.preview.append(0, "anew");
    expect(join(id).take()).toMatchObject([{ event: "snapshot", data: { text: "anew" } }]);
  });

  test("begins anew for a reader of another attempt, of another process, or with an id that is none", () => {
    const { live, stream, join } = open(task({ attempts: [attempt(1, "started")] }));
    live.preview.append(0, "lost");
    const id = stream.take().at(-1)?.id ?? "";
    for (const other of ["x", "", "other:1:0:4", "mark:1:0:-4", "mark:1:0", "mark:1:0:4:4", "mark:a:0:4"]) {
      expect(
        join(other)
          .take()
          .map(({ event }) => event),
      ).toEqual(["decision", "snapshot"]);
    }
    live.preview.clear();
    live.task = task({ attempts: [attempt(1, "lost"), attempt(2, "started")] });
    live.preview.append(0, "second");
    expect(join(id).take()).toMatchObject([
      { event: "decision", data: { attempt: 2 } },
      { event: "snapshot", data: { attempt: 2, text: "second" } },
    ]);
  });

  test("of a task that ended meanwhile gives its result to a reader who comes back", async () => {
    const { live, stream, join } = open(task({ attempts: [attempt(1, "started")] }));
    live.preview.append(0, "don");
    const id = stream.take().at(-1)?.id ?? "";
    live.task = succeeded;
    live.ended.resolve(succeeded);
    const again = join(id);
    await live.ended.promise;
    expect(again.take()).toMatchObject([{ event: "result", data: { response: "done" } }]);
  });

  test("tells when the task has ended, even to nobody who reads", async () => {
    const { live, ends } = open(task({ attempts: [attempt(1, "started")] }));
    expect(ends()).toBe(0);
    live.ended.resolve(succeeded);
    await live.ended.promise;
    expect(ends()).toBe(1);
  });

  test("calls when there is more, until it is told to stop", () => {
    const { live, stop, calls } = open(task({}));
    notify(live);
    stop();
    notify(live);
    expect(calls()).toBe(1);
  });

  test("ends with the result; what was not read of the text is in it", async () => {
    const { live, stream, events } = open(task({ attempts: [attempt(1, "started")] }));
    events();
    live.preview.append(0, "unread");
    live.task = succeeded;
    live.ended.resolve(succeeded);
    await live.ended.promise;
    expect(stream.take()).toMatchObject([{ event: "result", data: { response: "done" } }]);
    expect(stream.isOver()).toBe(true);
    expect(stream.take()).toEqual([]);
  });

  test("of a task that had ended before tells its decision and its result", async () => {
    const { live, events } = open(succeeded);
    live.ended.resolve(succeeded);
    await live.ended.promise;
    expect(events()).toEqual(["decision", "result"]);
  });

  test("of a failure ends with its error", async () => {
    const failure = { class: "timeout", message: "too slow" } as const;
    const failed = task({ state: "failed", failure, endedAtMs: 5 });
    const { live, stream } = open(failed);
    live.ended.resolve(failed);
    await live.ended.promise;
    expect(stream.take().at(-1)).toMatchObject({
      event: "error",
      data: { code: "MESSAGE_TIMEOUT", error: "too slow", request_id: "req_1", details: { failure } },
    });
    expect(stream.isOver()).toBe(true);
  });

  test("that a stopping coordinator gives up ends with that error", async () => {
    const { live, stream, calls } = open(task({ attempts: [attempt(1, "started")] }));
    live.ended.reject(new MeshError("COORDINATOR_STOPPING", "It stops."));
    await live.ended.promise.catch(() => undefined);
    expect(calls()).toBe(1);
    expect(stream.take().map(({ event }) => event)).toEqual(["error"]);
    expect(stream.isOver()).toBe(true);
  });
});
