import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { makeToken } from "../../support/access.ts";
import { readEvents } from "../../support/event-stream.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let node: FakeNode;
let mine: string;
let others: string;

beforeEach(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join();
  mine = (await makeToken(mesh, { scopes: ["send"] })).token;
  others = (await makeToken(mesh, { scopes: ["send"] })).token;
});
afterEach(() => mesh[Symbol.asyncDispose]());

const addTask = async (token: string, content = "work") =>
  (await mesh.call("POST", "/api/v1/tasks", { token, body: { content } })).body.id as string;

const failTask = async (token: string, content: string) => {
  const id = await addTask(token, content);
  const offer = await node.nextOffer(content);
  node.started(offer);
  node.send({
    type: "failed",
    task: offer.task,
    attempt: offer.attempt,
    failure: { class: "runtime_error", kind: "bad_request", message: "no" },
  });
  for await (const { event } of readEvents(await fetchStream(id, token))) if (event === "error") break;
  return id;
};

const fetchStream = (id: string, token: string) =>
  fetch(`http://127.0.0.1:${mesh.port()}/api/v1/tasks/${id}/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });

describe("a token that may only send", () => {
  test.each(["", "/decision", "/stream"])("does not find the task of another at %j", async (path) => {
    const id = await addTask(others);
    const call = (token: string) => mesh.call("GET", `/api/v1/tasks/${id}${path}`, { token });
    const [own, foreign] =
      path === "/stream"
        ? [await fetchStream(id, others), await call(mine)]
        : [await call(others), await call(mine)];
    expect(own.status).toBe(200);
    expect([foreign.status, foreign.body.code]).toEqual([404, "TASK_NOT_FOUND"]);
    // As one that is nowhere: not even its being there is told.
    const nowhere = await mesh.call("GET", `/api/v1/tasks/task_${"0".repeat(32)}${path}`, { token: mine });
    expect(foreign.text.replace(/req_\w+/, "")).toBe(
      nowhere.text.replace(/req_\w+/, "").replaceAll(`task_${"0".repeat(32)}`, id),
    );
    if (own instanceof Response) await own.body?.cancel();
  });

  test.each(["cancel", "retry", "discard"])("cannot %s the task of another", async (action) => {
    const id = await failTask(others, "fails");
    const answer = await mesh.call("POST", `/api/v1/tasks/${id}/${action}`, {
      token: mine,
      ...(action === "retry" ? { body: {} } : {}),
    });
    expect([answer.status, answer.body.code]).toEqual([404, "TASK_NOT_FOUND"]);
    expect((await mesh.call("GET", `/api/v1/tasks/${id}`)).body).toMatchObject({
      state: "failed",
      retried_as: null,
    });
  });

  test("lists only its own tasks, whatever it filters for", async () => {
    const own = await addTask(mine, "mine");
    await addTask(others, "theirs");
    await addTask(mesh.token, "the admin's");
    for (const query of ["", "?state=queued,running", "?limit=200"]) {
      const { tasks } = (await mesh.call("GET", `/api/v1/tasks${query}`, { token: mine })).body;
      expect(tasks.map(({ id }: { id: string }) => id)).toEqual([own]);
    }
  });

  test.each(["cancel", "retry", "discard"])("acts in bulk on its own only: %s", async (action) => {
    const own = action === "cancel" ? await addTask(mine) : await failTask(mine, "a");
    const foreign = action === "cancel" ? await addTask(others) : await failTask(others, "b");
    const before = (await mesh.call("GET", `/api/v1/tasks/${foreign}`)).body;
    const everything = await mesh.call("POST", `/api/v1/tasks/${action}`, {
      token: mine,
      body: { filter: {} },
    });
    expect(everything.status).toBe(200);
    expect(JSON.stringify(everything.body)).toContain(own);
    expect(JSON.stringify(everything.body)).not.toContain(foreign);
    const after = (await mesh.call("GET", `/api/v1/tasks/${foreign}`)).body;
    expect([after.state, after.cancel_requested_at, after.retried_as, after.discarded_at]).toEqual([
      before.state,
      before.cancel_requested_at,
      before.retried_as,
      before.discarded_at,
    ]);
    const named = await mesh.call("POST", `/api/v1/tasks/${action}`, {
      token: mine,
      body: { ids: [foreign] },
    });
    expect(JSON.stringify(named.body)).not.toContain('"ok":true');
  });

  test("sees, follows and cancels what it sent itself, also after it was given a new text", async () => {
    const made = await makeToken(mesh, { name: "rotated", scopes: ["send"] });
    const id = await addTask(made.token);
    const { token } = (await mesh.call("POST", "/api/v1/tokens/rotated/rotate")).body;
    expect((await mesh.call("GET", `/api/v1/tasks/${id}`, { token })).status).toBe(200);
    expect((await mesh.call("POST", `/api/v1/tasks/${id}/cancel`, { token })).status).toBe(202);
  });
});

test("a token that reads sees all tasks and changes none but its own", async () => {
  const reader = (await makeToken(mesh, { scopes: ["read", "send"] })).token;
  const id = await addTask(others);
  expect((await mesh.call("GET", `/api/v1/tasks/${id}`, { token: reader })).status).toBe(200);
  const cancelled = await mesh.call("POST", `/api/v1/tasks/${id}/cancel`, { token: reader });
  expect([cancelled.status, cancelled.body.code]).toEqual([403, "SCOPE_MISSING"]);
});

test("a token that operates runs what failed again as it is, and sends nothing of its own that way", async () => {
  const operator = (await makeToken(mesh, { scopes: ["operate"] })).token;
  const id = await failTask(others, "as it is");
  const retry = (body: unknown, token = operator) =>
    mesh.call("POST", `/api/v1/tasks/${id}/retry`, { token, body });
  const edits = [
    { content: "rm -rf ~" },
    { session: "theirs" },
    { session: null },
    { target: "other" },
    { target: null },
    { requires: {} },
    { labels: { team: "red" } },
    { effects: "safe" },
    { retry: { max_attempts: 9 } },
  ];
  for (const edit of edits) {
    const refused = await retry(edit);
    expect([refused.status, refused.body.code]).toEqual([403, "SCOPE_MISSING"]);
  }
  expect((await mesh.call("GET", `/api/v1/tasks/${id}`)).body.retried_as).toBeNull();
  const timing = { priority: 9, timeout_s: 60, expires_at: new Date(Date.now() + 3_600_000).toISOString() };
  expect((await retry(timing)).body.content).toBe("as it is");
});

test("the same Idempotency-Key of two tokens makes two tasks", async () => {
  const submit = (token: string, content: string) =>
    mesh.call("POST", "/api/v1/tasks", { token, body: { content }, headers: { "idempotency-key": "key-1" } });
  const [a, b, again] = [await submit(mine, "a"), await submit(others, "b"), await submit(mine, "a")];
  expect([a.status, b.status]).toEqual([202, 202]);
  expect(a.body.id).not.toBe(b.body.id);
  expect(again.body.id).toBe(a.body.id);
});

test("a node's token reads no task, not even the one that it works on", async () => {
  const id = await addTask(mine);
  await node.nextOffer();
  for (const path of [`/api/v1/tasks/${id}`, "/api/v1/tasks"]) {
    expect((await mesh.call("GET", path, { token: node.token })).status).toBe(403);
  }
});
