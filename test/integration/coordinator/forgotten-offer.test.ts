import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const taskOf = async (id: string) => (await mesh.call("GET", `/api/v1/tasks/${id}`)).body;
const suffixes = ["", "-wal"];
const startedAt = "2026-01-01T00:00:00.000Z";

/** A task that waits, and the files of the coordinator as they are then. */
async function submitAndKeep(
  effects: string,
): Promise<{ readonly id: string; readonly putBack: () => void }> {
  const { body } = await mesh.call("POST", "/api/v1/tasks", { body: { content: "once", effects } });
  const file = join(mesh.dataDir, "mesh.db");
  for (const suffix of suffixes) copyFileSync(file + suffix, `${file}${suffix}.kept`);
  const putBack = () => {
    for (const suffix of [...suffixes, "-shm"]) {
      rmSync(file + suffix, { force: true });
      if (existsSync(`${file}${suffix}.kept`)) copyFileSync(`${file}${suffix}.kept`, file + suffix);
    }
  };
  return { id: body.id, putBack };
}

/** The coordinator forgets the offer. It knows the node no more than the task, so that joins anew. */
async function forget(putBack: () => void): Promise<void> {
  await mesh.stop(0);
  putBack();
  await mesh.restart();
}

const comeBack = (node: FakeNode, parts: Partial<FakeNode["hello"]>) =>
  mesh.join({ name: node.hello.name, ...parts });

describe.each(["unsafe", "safe"])("an offer of a task that is %s, which the record lost", (effects) => {
  test("is taken up again where it runs, and nowhere else", async () => {
    const { id, putBack } = await submitAndKeep(effects);
    const node = await mesh.join();
    const offer = await node.nextOffer();
    node.started(offer);
    await forget(putBack);
    expect(await taskOf(id)).toMatchObject({ state: "queued", attempts: [] });
    const back = await comeBack(node, { running: [{ ...toRef(offer), offset: 0, started_at: startedAt }] });
    expect(back.welcome.resume).toEqual([{ ...toRef(offer), offset: 0 }]);
    const other = await mesh.join({ name: "other" as FakeNode["hello"]["name"] });
    expect(await taskOf(id)).toMatchObject({
      state: "running",
      attempts: [{ attempt: 1, node_name: node.hello.name, state: "started" }],
    });
    back.result(offer, "done once");
    await back.next("ack", (ack) => ack.task === id);
    expect(await taskOf(id)).toMatchObject({ state: "succeeded", response: "done once" });
    expect([...back.frames, ...other.frames].filter(({ type }) => type === "offer")).toEqual([]);
  });

  test("brings its outcome, when it has ended meanwhile", async () => {
    const { id, putBack } = await submitAndKeep(effects);
    const node = await mesh.join();
    const offer = await node.nextOffer();
    node.started(offer);
    await forget(putBack);
    const back = await comeBack(node, { unacknowledged: [toRef(offer)] });
    back.result(offer, "done meanwhile");
    const ack = await back.next("ack", ({ task }) => task === id);
    expect(ack.unknown).toBeUndefined();
    expect(await taskOf(id)).toMatchObject({ state: "succeeded", response: "done meanwhile" });
  });
});

test("an attempt that is not the task's next one is stopped", async () => {
  const { id } = await submitAndKeep("unsafe");
  const stray = { task: id as ReturnType<typeof toRef>["task"], attempt: 7 };
  const node = await mesh.join({ running: [{ ...stray, offset: 0, started_at: startedAt }] });
  expect(await node.next("cancel")).toEqual({ type: "cancel", ...stray, reason: "superseded" });
  const offer = await node.nextOffer();
  expect(toRef(offer)).toEqual({ ...stray, attempt: 1 });
  node.answer(offer, "as it should");
  await until("its end", async () => (await taskOf(id)).state === "succeeded");
});
