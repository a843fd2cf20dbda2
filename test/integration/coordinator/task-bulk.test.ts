import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FakeNode } from "../../support/fake-node.ts";
import { addTask, failTask, runTask } from "../../support/queued-tasks.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const noTask = `task_${"0".repeat(32)}`;

let mesh: TestCoordinator;
let node: FakeNode;
beforeAll(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ name: "worker", slots: 100 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const bulk = (action: "cancel" | "retry" | "discard", body: unknown) =>
  mesh.call("POST", `/api/v1/tasks/${action}`, { body });
const task = async (id: string) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body;
const idsOf = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id);

async function failMany(count: number, source: string): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1)
    ids.push(await failTask(mesh, node, `${source} ${index}`, { source }));
  return ids;
}

describe("a bulk call", () => {
  test("does each named task by itself, and lists what did not work", async () => {
    const [failed = ""] = await failMany(1, "named");
    const done = await runTask(mesh, node, "named, done", { source: "named" });
    const { status, body } = await bulk("discard", { ids: [done, noTask, failed, failed] });
    expect(status).toBe(200);
    expect(body.matched).toBe(3);
    expect(body.done).toEqual([{ id: failed }]);
    expect(body.failed).toMatchObject([
      { id: done, code: "TASK_NOT_FAILED" },
      { id: noTask, code: "TASK_NOT_FOUND" },
    ]);
    expect(body.failed[0].error).toContain(done);
  });

  test("retries the dead letters of a filter, oldest first, and each only once", async () => {
    const ids = await failMany(5, "retried");
    const done = await runTask(mesh, node, "went well", { source: "retried" });
    const filter = { source: "retried" };
    const first = await bulk("retry", { filter, limit: 3 });
    expect(first.body).toMatchObject({ matched: 3, failed: [] });
    expect(idsOf(first.body.done)).toEqual(ids.slice(0, 3));
    const second = await bulk("retry", { filter, limit: 3 });
    expect(idsOf(second.body.done)).toEqual(ids.slice(3));
    expect((await bulk("retry", { filter })).body).toEqual({ matched: 0, done: [], failed: [] });
    for (const { id, retried_as: retriedAs } of [...first.body.done, ...second.body.done]) {
      expect(await task(id)).toMatchObject({ retried_as: retriedAs });
      expect(await task(retriedAs)).toMatchObject({ retry_of: id, source: "retried" });
    }
    expect((await task(done)).retried_as).toBeNull();
  });

  test("runs what succeeded again when it is told so", async () => {
    const done = await runTask(mesh, node, "once more", { source: "told" });
    const { body } = await bulk("retry", { filter: { source: "told", state: "succeeded" } });
    expect(idsOf(body.done)).toEqual([done]);
    node.answer(await node.nextOffer("once more"), "twice");
  });

  test("leaves alone what was discarded", async () => {
    const [first = "", second = ""] = await failMany(2, "discarded");
    expect((await bulk("discard", { filter: { source: "discarded" }, limit: 1 })).body.done).toEqual([
      { id: first },
    ]);
    const { body } = await bulk("retry", { filter: { source: "discarded", state: "failed" } });
    expect(idsOf(body.done)).toEqual([second]);
    expect((await bulk("discard", { filter: { source: "discarded" } })).body.matched).toBe(0);
  });

  test("cancels what has not ended", async () => {
    const over = await runTask(mesh, node, "over", { source: "cancelled" });
    const { body: running } = await addTask(mesh, "running", { source: "cancelled" });
    const { attempt } = await node.nextOffer("running");
    node.started({ task: running.id, attempt });
    const { body } = await bulk("cancel", { filter: { source: "cancelled" } });
    expect(body).toEqual({ matched: 1, done: [{ id: running.id, state: "running" }], failed: [] });
    await node.next("cancel", (frame) => frame.task === running.id);
    // One that was asked to end already is not asked again.
    expect((await bulk("cancel", { filter: { source: "cancelled" } })).body.matched).toBe(0);
    node.send({ type: "cancelled", task: running.id, attempt });
    await node.next("ack", (ack) => ack.task === running.id);
    expect((await task(running.id)).state).toBe("cancelled");
    expect((await task(over)).state).toBe("succeeded");
    const again = await bulk("cancel", { ids: [running.id, over] });
    const done = [
      { id: running.id, state: "cancelled" },
      { id: over, state: "succeeded" },
    ];
    expect(again.body).toEqual({ matched: 2, done, failed: [] });
  });

  test("takes 300 tasks at once", async () => {
    const ids = await Promise.all(
      Array.from(
        { length: 300 },
        async (_, index) => (await addTask(mesh, `many ${index}`, { source: "300" })).body.id,
      ),
    );
    const { body } = await bulk("cancel", { ids });
    expect(body.matched).toBe(300);
    expect(idsOf(body.done)).toEqual(ids);
  });

  for (const [what, body] of [
    ["nothing", {}],
    ["no ids", { ids: [] }],
    ["an id that is none", { ids: ["x"] }],
    ["more ids than there may be", { ids: Array.from({ length: 1001 }, () => noTask) }],
    ["ids and a filter", { ids: [noTask], filter: {} }],
    ["an unknown condition", { filter: { colour: "red" } }],
    ["a limit of nothing", { filter: {}, limit: 0 }],
    ["a list", [noTask]],
  ] as const) {
    test(`is refused with ${what}`, async () => {
      for (const action of ["cancel", "retry", "discard"] as const) {
        const { status, body: answer } = await bulk(action, body);
        expect({ status, code: answer.code }).toEqual({ status: 400, code: "BODY_INVALID" });
      }
    });
  }

  test("is refused with a filter that names nobody, or cannot be", async () => {
    expect(await bulk("cancel", { filter: { node: "nobody" } })).toMatchObject({
      status: 404,
      body: { code: "NODE_NOT_FOUND" },
    });
    expect(await bulk("retry", { filter: { group: "no-group" } })).toMatchObject({
      status: 404,
      body: { code: "GROUP_NOT_FOUND" },
    });
    expect(await bulk("discard", { filter: { label: "no-pair" } })).toMatchObject({
      status: 400,
      body: { code: "QUERY_INVALID" },
    });
  });
});
