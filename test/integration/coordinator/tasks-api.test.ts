import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { FakeNode } from "../../support/fake-node.ts";
import { addTask, failTask, runTask } from "../../support/queued-tasks.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const noTask = `task_${"0".repeat(32)}`;
const hourMs = 3600 * 1000;

let mesh: TestCoordinator;
let node: FakeNode;
beforeAll(async () => {
  mesh = await createTestCoordinator({ groups: { workers: { nodes: ["worker", "helper"] } } });
  node = await mesh.join({ name: "worker", slots: 200 });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const get = (path: string) => mesh.call("GET", `/api/v1/tasks${path}`);
const post = (path: string, body?: unknown) =>
  mesh.call("POST", `/api/v1/tasks${path}`, body === undefined ? {} : { body });
const list = async (query: string): Promise<string[]> => {
  const { status, body } = await get(`?${query}`);
  expect(status).toBe(200);
  return body.tasks.map(({ id }: { id: string }) => id);
};

describe("a queued task", () => {
  test("is accepted at once, and told in full when it is done", async () => {
    const parts = {
      labels: { team: "red" },
      priority: 7,
      retry: { max_attempts: 2, on: ["internal"] },
      source: "lab",
    };
    const { status, headers, body } = await addTask(mesh, "first", parts);
    expect(status).toBe(202);
    expect(headers.get("location")).toBe(`/api/v1/tasks/${body.id}`);
    expect(body).toMatchObject({
      content: "first",
      synchronous: false,
      ...parts,
      timeout_s: 600,
      retry_of: null,
    });
    expect(body.retry).toEqual({ max_attempts: 2, base_delay_s: 0.5, max_delay_s: 30, on: ["internal"] });
    node.answer(await node.nextOffer("first"), "done");
    await node.next("ack", ({ task }) => task === body.id);
    const { body: task } = await mesh.call("GET", headers.get("location") ?? "");
    expect(task).toMatchObject({
      state: "succeeded",
      response: "done",
      node_name: "worker",
      attempt_count: 1,
    });
    expect(task.attempts).toMatchObject([{ attempt: 1, node_id: node.nodeId, state: "finished" }]);
    expect(task.timeline.map(({ what }: { what: string }) => what)).toEqual([
      "accepted",
      "offered",
      "started",
      "succeeded",
    ]);
    expect((await get(`/${body.id}/decision`)).body).toMatchObject({ outcome: "assigned" });
  });

  test("keeps its priority and retry policy also when its sender waits", async () => {
    const answering = mesh.send("urgent", {
      parts: { priority: 9, retry: { base_delay_s: 2 } },
      to: "worker",
    });
    const offer = await node.nextOffer("urgent");
    node.answer(offer, "ok");
    await answering;
    expect((await get(`/${offer.task}`)).body).toMatchObject({
      priority: 9,
      synchronous: true,
      retry: { base_delay_s: 2, max_attempts: 3 },
    });
  });

  test("goes on when its client is gone", async () => {
    const id = await runTask(mesh, node, "nobody waits");
    expect((await get(`/${id}`)).body.state).toBe("succeeded");
  });

  test("of a repeated key is the same; of another body, or another route, a conflict", async () => {
    const headers = { "idempotency-key": "k" };
    const first = await addTask(mesh, "keyed", {}, { headers });
    const again = await addTask(mesh, "keyed", {}, { headers });
    expect(again).toMatchObject({ status: 202, body: { id: first.body.id } });
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    node.answer(await node.nextOffer("keyed"), "once");
    await node.next("ack", ({ task }) => task === first.body.id);
    expect((await addTask(mesh, "keyed", {}, { headers })).body).toMatchObject({
      id: first.body.id,
      response: "once",
    });
    const conflict = { status: 409, body: { code: "IDEMPOTENCY_CONFLICT" } };
    expect(await addTask(mesh, "other", {}, { headers })).toMatchObject(conflict);
    expect(await mesh.send("keyed", { key: "k" })).toMatchObject(conflict);
  });

  test("of a repeated key is the same although its time is over meanwhile", async () => {
    const headers = { "idempotency-key": "soon over" };
    const parts = { expires_at: inMs(400) };
    const first = await addTask(mesh, "short", parts, { headers });
    expect(first.status).toBe(202);
    node.answer(await node.nextOffer("short"), "in time");
    await Bun.sleep(500);
    expect(await addTask(mesh, "short", parts, { headers })).toMatchObject({
      status: 202,
      body: { id: first.body.id },
    });
    expect(await addTask(mesh, "short", parts)).toMatchObject({
      status: 400,
      body: { code: "BODY_INVALID" },
    });
  });

  for (const [what, parts] of [
    ["that expired before it came", { expires_at: inMs(-1000) }],
    ["not before more than a year", { not_before: inMs(367 * 24 * hourMs) }],
    ["that expires before it may begin", { not_before: inMs(2 * hourMs), expires_at: inMs(hourMs) }],
    ["with a time that is none", { not_before: "tomorrow" }],
    ["with a time without a zone", { not_before: "2026-11-22T16:00:00" }],
    ["with a priority that is none", { priority: 10 }],
    ["with a negative number of attempts", { retry: { max_attempts: -1 } }],
    ["that is tried again for no known cause", { retry: { on: ["bad_luck"] } }],
    ["with a target that is no text", { target: 5 }],
    ["with an unknown field", { not_befor: "x" }],
  ] as const) {
    test(`${what} is refused`, async () => {
      const { status, body } = await addTask(mesh, "bad", parts);
      expect({ status, code: body.code }).toEqual({ status: 400, code: "BODY_INVALID" });
      expect(body.error).not.toBe("");
    });
  }

  test("for nobody known is refused", async () => {
    expect(await addTask(mesh, "lost", { target: "nobody" })).toMatchObject({
      status: 404,
      body: { code: "NODE_NOT_FOUND" },
    });
  });
});

describe("the list of tasks", () => {
  test("shows the newest first, page by page", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1)
      ids.unshift(await runTask(mesh, node, `page ${index}`, { source: "pages" }));
    expect(await list("source=pages")).toEqual(ids);
    const seen: string[] = [];
    let cursor: string | null = "";
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const { body } = await get(`?source=pages&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      expect(body.tasks.length).toBeLessThanOrEqual(2);
      seen.push(...body.tasks.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(ids);
    expect(cursor).toBeNull();
  });

  test("has 50 on a page unless asked otherwise, and all that is small of each", async () => {
    await Promise.all(
      Array.from({ length: 55 }, (_, index) => runTask(mesh, node, `many ${index}`, { source: "many" })),
    );
    const { body } = await get("?source=many");
    expect(body.tasks).toHaveLength(50);
    expect(body.next_cursor).toBeString();
    expect(body.tasks[0]).toMatchObject({
      state: "succeeded",
      node_name: "worker",
      waiting_for: null,
      attempt_count: 1,
    });
    expect(body.tasks[0].content_preview).toStartWith("many ");
    expect(body.tasks[0]).not.toContainAnyKeys(["response", "content", "attempts"]);
  });

  test("finds by state, failure class, labels, source, session and time", async () => {
    const begun = inMs(0);
    await Bun.sleep(5);
    const red = await runTask(mesh, node, "red", {
      source: "find:a",
      labels: { team: "red", size: "xl" },
      session: "s1",
    });
    await Bun.sleep(5);
    const between = inMs(0);
    await Bun.sleep(5);
    const blue = await failTask(mesh, node, "blue", { source: "find:b", labels: { team: "blue" } });
    const both = (query: string) => list(`source=${encodeURIComponent("find:*")}&${query}`);
    expect(await both("")).toEqual([blue, red]);
    expect(await both("state=succeeded")).toEqual([red]);
    expect(await both("state=failed,succeeded")).toEqual([blue, red]);
    expect(await both("class=runtime_error,timeout")).toEqual([blue]);
    expect(await both("class=timeout")).toEqual([]);
    expect(await both("class=timeout,bad_request")).toEqual([blue]);
    expect(await both("class=quota")).toEqual([]);
    expect(await both("label=team%3Dred,size%3Dxl")).toEqual([red]);
    expect(await both("label=team%3Dred,size%3Dm")).toEqual([]);
    expect(await both("session=s1")).toEqual([red]);
    expect(await list("source=find:b")).toEqual([blue]);
    expect(await list("source=find")).toEqual([]);
    expect(await both(`since=${begun}`)).toEqual([blue, red]);
    expect(await both(`since=${between}`)).toEqual([blue]);
    expect(await both(`until=${between}`)).toEqual([red]);
    expect(await both("dead_letter=true")).toEqual([blue]);
    expect(await both("dead_letter=false")).toEqual([red]);
    expect((await get("?class=runtime_error&source=find:b")).body.tasks[0].failure).toMatchObject({
      kind: "bad_request",
    });
  });

  test("finds by node, also one that has left, and by group", async () => {
    const helper = await mesh.join({ name: "helper" });
    await using stranger = await mesh.join({ name: "stranger" });
    const byHelper = await runTask(mesh, helper, "by helper", { target: "helper", source: "where" });
    const byStranger = await runTask(mesh, stranger, "by stranger", { target: "stranger", source: "where" });
    const where = (query: string) => list(`source=where&${query}`);
    expect(await where("node=HELPER")).toEqual([byHelper]);
    expect(await where(`node=${stranger.nodeId}`)).toEqual([byStranger]);
    expect(await where("group=Workers")).toEqual([byHelper]);
    expect(await where("group=workers&node=helper")).toEqual([byHelper]);
    expect(await where("group=workers&node=stranger")).toEqual([]);
    helper.send({ type: "goodbye", reason: "leaves" });
    await helper.close();
    expect(await where("node=helper")).toEqual([byHelper]);
    expect(await where("group=workers")).toEqual([byHelper]);
    await mesh.call("DELETE", "/api/v1/nodes/stranger");
    expect(await where(`node=${stranger.nodeId}`)).toEqual([byStranger]);
  });

  test("finds by group what its sender spelt otherwise, also while it waits", async () => {
    const notBefore = inMs(hourMs);
    const parts = { target: "WORKERS", source: "spelt", not_before: notBefore };
    const { body } = await addTask(mesh, "later", parts);
    expect(await list("source=spelt&group=workers")).toEqual([body.id]);
    expect(await list("source=spelt&group=Workers&node=WORKER")).toEqual([]);
  });

  test("says of one that waits for its time that it does, also in its decision", async () => {
    const { body: task } = await addTask(mesh, "later", { not_before: inMs(hourMs) });
    const itsTime = `its time, ${task.not_before}`;
    expect(task.waiting_for).toBe(itsTime);
    const { status, body } = await get(`/${task.id}/decision`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ outcome: "waiting", unblock: [{ needs: itsTime, nodes: [] }] });
  });

  test("says what a waiting task waits for", async () => {
    await using single = await mesh.join({ name: "single", slots: 1 });
    const { body: running } = await addTask(mesh, "runs", { target: "single", source: "waits" });
    const { body: waiting } = await addTask(mesh, "waits", { target: "single", source: "waits" });
    const { body } = await get("?source=waits");
    const waitingFor = "a free slot on single";
    expect(body.tasks).toMatchObject([
      { id: waiting.id, state: "queued", waiting_for: waitingFor },
      { id: running.id, state: "running", waiting_for: null },
    ]);
    expect((await get(`/${waiting.id}`)).body.waiting_for).toBe(waitingFor);
    expect((await get(`/${waiting.id}/decision`)).body.outcome).toBe("waiting");
    single.answer(await single.nextOffer("runs"), "ran");
    single.answer(await single.nextOffer("waits"), "ran too");
    await single.next("ack", ({ task }) => task === waiting.id);
  });

  for (const [query, status, code] of [
    ["cursor=nonsense", 400, "QUERY_INVALID"],
    [`cursor=${Buffer.from("node_x").toString("base64url")}`, 400, "QUERY_INVALID"],
    ["limit=0", 400, "QUERY_INVALID"],
    ["limit=501", 400, "QUERY_INVALID"],
    ["limit=x", 400, "QUERY_INVALID"],
    ["state=dead", 400, "QUERY_INVALID"],
    ["state=failed,", 400, "QUERY_INVALID"],
    ["class=bad", 400, "QUERY_INVALID"],
    ["since=yesterday", 400, "QUERY_INVALID"],
    ["label=team", 400, "QUERY_INVALID"],
    ["label=%3Dred", 400, "QUERY_INVALID"],
    ["label=a%3D1,a%3D2", 400, "QUERY_INVALID"],
    ["label=a%3D1,", 400, "QUERY_INVALID"],
    [`label=${"k".repeat(65)}%3D1`, 400, "QUERY_INVALID"],
    ["dead_letter=yes", 400, "QUERY_INVALID"],
    ["colour=red", 400, "QUERY_INVALID"],
    ["node=nobody", 404, "NODE_NOT_FOUND"],
    ["group=nobody", 404, "GROUP_NOT_FOUND"],
  ] as const) {
    test(`refuses ${query}`, async () => {
      const { status: got, body } = await get(`?${query}`);
      expect({ got, code: body.code }).toEqual({ got: status, code });
    });
  }
});

describe("cancel", () => {
  test("ends a task that waits, and leaves one that has ended as it is", async () => {
    const { body } = await addTask(mesh, "later", { not_before: inMs(hourMs) });
    expect(body).toMatchObject({ state: "queued", waiting_for: `its time, ${body.not_before}` });
    expect(await post(`/${body.id}/cancel`)).toMatchObject({ status: 202 });
    const { body: ended } = await get(`/${body.id}`);
    expect(ended).toMatchObject({ state: "cancelled", attempt_count: 0 });
    expect((await post(`/${body.id}/cancel`)).body).toEqual(ended);
  });
});

describe("retry", () => {
  test("runs an ended task again as a new one, which both tell", async () => {
    const id = await failTask(mesh, node, "again", {
      labels: { a: "1" },
      priority: 2,
      effects: "safe",
      session: "conv",
    });
    const { status, headers, body } = await post(`/${id}/retry`);
    expect(status).toBe(202);
    expect(headers.get("location")).toBe(`/api/v1/tasks/${body.id}`);
    expect(body).toMatchObject({
      content: "again",
      labels: { a: "1" },
      priority: 2,
      effects: "safe",
      session: "conv",
      retry_of: id,
      synchronous: false,
    });
    node.answer(await node.nextOffer("again"), "better");
    await node.next("ack", ({ task }) => task === body.id);
    expect((await get(`/${body.id}`)).body).toMatchObject({ state: "succeeded", response: "better" });
    expect((await get(`/${id}`)).body).toMatchObject({ state: "failed", retried_as: body.id });
  });

  test("takes edits: of what, where and how", async () => {
    const id = await failTask(mesh, node, "typo", {
      target: "worker",
      session: "conv",
      requires: { os: "linux" },
    });
    const edit = {
      content: "no typo",
      target: null,
      session: null,
      requires: {},
      labels: { fixed: "yes" },
      timeout_s: 5,
      effects: "safe",
      priority: 9,
      retry: { max_attempts: 1 },
    };
    const { status, body } = await post(`/${id}/retry`, edit);
    expect(status).toBe(202);
    expect(body).toMatchObject({ ...edit, retry: { max_attempts: 1 } });
    node.answer(await node.nextOffer("no typo"), "ok");
    await node.next("ack", ({ task }) => task === body.id);
  });

  test("is possible once, of ended tasks, with times that can be kept", async () => {
    const { body: running } = await addTask(mesh, "runs on");
    const offer = await node.nextOffer("runs on");
    expect(await post(`/${running.id}/retry`, {})).toMatchObject({
      status: 409,
      body: { code: "TASK_NOT_ENDED" },
    });
    node.answer(offer, "ok");
    await node.next("ack", ({ task }) => task === running.id);
    const bad = await post(`/${running.id}/retry`, { expires_at: inMs(-hourMs) });
    expect(bad).toMatchObject({ status: 400, body: { code: "BODY_INVALID" } });
    expect(await post(`/${running.id}/retry`, { colour: 1 })).toMatchObject({
      status: 400,
      body: { code: "BODY_INVALID" },
    });
    expect(await post(`/${running.id}/retry`, { target: "nobody" })).toMatchObject({
      body: { code: "NODE_NOT_FOUND" },
    });
    const both = await Promise.all([post(`/${running.id}/retry`, {}), post(`/${running.id}/retry`, {})]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([202, 409]);
    const retried = both.find(({ status }) => status === 202)?.body.id;
    const refused = both.find(({ status }) => status === 409)?.body;
    expect(refused).toMatchObject({ code: "TASK_ALREADY_RETRIED", details: { retried_as: retried } });
    expect((await post(`/${running.id}/retry`)).body).toMatchObject({ details: { retried_as: retried } });
    node.answer(await node.nextOffer("runs on"), "ok");
    expect(await post(`/${noTask}/retry`)).toMatchObject({ status: 404, body: { code: "TASK_NOT_FOUND" } });
  });
});

describe("discard", () => {
  test("takes a failed task off the dead letters, once and for all", async () => {
    const id = await failTask(mesh, node, "hopeless", { source: "discard" });
    expect(await list("source=discard&dead_letter=true")).toEqual([id]);
    const { status, body } = await post(`/${id}/discard`);
    expect(status).toBe(200);
    expect(body.state).toBe("failed");
    expect(body.discarded_at).toBeString();
    expect(body.timeline.at(-1)).toMatchObject({ what: "discarded", at: body.discarded_at });
    expect(await list("source=discard&dead_letter=true")).toEqual([]);
    expect((await post(`/${id}/discard`)).body).toEqual(body);
  });

  test("is refused for what has not failed", async () => {
    const id = await runTask(mesh, node, "went well");
    expect(await post(`/${id}/discard`)).toMatchObject({ status: 409, body: { code: "TASK_NOT_FAILED" } });
    expect(await post(`/${noTask}/discard`)).toMatchObject({ status: 404, body: { code: "TASK_NOT_FOUND" } });
  });
});
