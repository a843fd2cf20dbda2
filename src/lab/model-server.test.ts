import { afterEach, beforeEach, expect, test } from "bun:test";
import { systemClock } from "../platform/clock.ts";
import { createExecutionLog, type ExecutionLog } from "./executions.ts";
import { answerTo, type PlannedTask, planTask } from "./load-plan.ts";
import { type ModelServer, startModelServer } from "./model-server.ts";

const load = { seed: 7, safeShare: 0.7 };
const planned = Array.from({ length: 500 }, (_, index) => planTask(load, index));
const [quick] = planned;
const slow = planned.find(({ runMs }) => runMs > 500);
if (quick === undefined || slow === undefined) throw new Error("the plan has no such tasks");

let executions: ExecutionLog;
let models: ModelServer;
let answered: number[];
beforeEach(() => {
  executions = createExecutionLog();
  answered = [];
  models = startModelServer({
    ...{ load, executions, clock: systemClock },
    onAnswered: (index) => answered.push(index),
  });
});
afterEach(() => models.stop());

function ask(task: PlannedTask, signal?: AbortSignal): Promise<Response> {
  return fetch(`${models.urlOf("lab-01")}/v1/chat/completions`, {
    method: "POST",
    headers: { "idempotency-key": "task_0.1" },
    body: JSON.stringify({ model: "lab-model", messages: [{ role: "user", content: task.content }] }),
    ...(signal === undefined ? {} : { signal }),
  });
}

function textOf(events: string): string {
  return [...events.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)]
    .map(([, text]) => JSON.parse(text ?? ""))
    .join("");
}

test("answers what follows from the content, and counts the run", async () => {
  expect(textOf(await (await ask(quick)).text())).toBe(answerTo(quick.content));
  expect(executions.of(quick.index)).toMatchObject([
    { node: "lab-01", attemptKey: "task_0.1", end: "answered" },
  ]);
  expect(answered).toEqual([quick.index]);
});

test("streams a long run piece by piece, and knows when its caller has gone", async () => {
  const abort = new AbortController();
  const response = await ask(slow, abort.signal);
  await response.body?.getReader().read();
  abort.abort();
  while (executions.of(slow.index)[0]?.end === "running") await Bun.sleep(5);
  expect(executions.of(slow.index)).toMatchObject([{ end: "aborted" }]);
  expect(answered).toEqual([]);
});

test("refuses and fails when it shall, for one node only", async () => {
  models.setMood("lab-01", "refusing");
  expect([429, 503]).toContain((await ask(quick)).status);
  models.setMood("lab-01", "failing");
  expect((await ask(quick)).status).toBe(500);
  models.setMood("lab-01", "well");
  models.setMood("lab-02", "refusing");
  expect((await ask(quick)).status).toBe(200);
  expect(executions.of(quick.index).map(({ end }) => end)).toEqual(["refused", "failed", "answered"]);
});

test("hangs until it is well again", async () => {
  models.setMood("lab-01", "hanging");
  const answer = ask(quick);
  while (executions.of(quick.index).length === 0) await Bun.sleep(1);
  expect(executions.of(quick.index)).toMatchObject([{ end: "running" }]);
  models.setMood("lab-01", "well");
  expect(textOf(await (await answer).text())).toBe(answerTo(quick.content));
});

test("has nothing to say to what is no task of this run", async () => {
  expect((await ask({ ...quick, content: "hello" })).status).toBe(400);
  expect(executions.total()).toBe(0);
});
