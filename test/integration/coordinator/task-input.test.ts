import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createMeshClient } from "../../../src/client/index.ts";
import { Secret } from "../../../src/protocol/secret.ts";
import { addTask } from "../../support/queued-tasks.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
beforeAll(async () => {
  mesh = await createTestCoordinator();
});
afterAll(() => mesh[Symbol.asyncDispose]());

const refused = (code: string) => ({ status: 400, body: { code } });
const get = (query: string) => mesh.call("GET", `/api/v1/tasks?${query}`);
const yearMs = 366 * 24 * 3600 * 1000;
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

describe("a time that nobody could read again", () => {
  test.each([
    { expires_at: "9999-12-31T23:59:59-12:00" },
    { expires_at: inMs(10 * yearMs + 60_000) },
    { not_before: "0000-01-01T00:00:00+12:00" },
    { not_before: inMs(-yearMs - 60_000) },
  ])("is refused, and the list stays readable: %p", async (times) => {
    expect(await addTask(mesh, "poison", times)).toMatchObject(refused("BODY_INVALID"));
    const client = createMeshClient({
      baseUrl: `http://127.0.0.1:${mesh.port()}`,
      token: new Secret(mesh.token),
      fetch: (url, init) => fetch(url, init),
    });
    for await (const task of client.tasks()) expect(task.content_preview).not.toBe("poison");
  });

  test.each(["since", "until"])("is refused as %s", async (name) => {
    const early = encodeURIComponent("0000-01-01T00:00:00+12:00");
    expect(await get(`${name}=${early}`)).toMatchObject(refused("QUERY_INVALID"));
  });
});

describe("a filter is refused rather than widened", () => {
  test.each([
    ["a label that no message has", { label: "__proto__=nobody" }],
    ["such a label beside another", { label: "team=red,constructor=x" }],
    ["an unknown field", { labels: "team=red" }],
    ["an empty source", { source: "" }],
    ["no state", { state: "" }],
    ["a state that is none", { state: "queued," }],
  ])("%s", async (_what, filter) => {
    await addTask(mesh, "not to be cancelled");
    const cancel = await mesh.call("POST", "/api/v1/tasks/cancel", { body: { filter } });
    expect(cancel.status).toBe(400);
    expect(await get(`${new URLSearchParams(filter)}`)).toMatchObject(refused("QUERY_INVALID"));
    expect((await get("state=cancelled")).body.tasks).toEqual([]);
  });

  test("an unknown field named __proto__", async () => {
    const rawBody = '{"filter":{"__proto__":"x"}}';
    const headers = { "content-type": "application/json" };
    const cancel = await mesh.call("POST", "/api/v1/tasks/cancel", { rawBody, headers });
    expect(cancel).toMatchObject(refused("BODY_INVALID"));
    expect(await get("__proto__=x")).toMatchObject(refused("QUERY_INVALID"));
  });

  test("a parameter that is named twice", async () => {
    const { status, body } = await get("state=queued&state=failed");
    expect({ status, code: body.code }).toEqual({ status: 400, code: "QUERY_INVALID" });
    expect(body.error).toContain("twice");
  });
});

test("what a task cannot hold is told by name", async () => {
  const rawBody = '{"content":"a\\ud83d","labels":{"__proto__":"v"}}';
  const headers = { "content-type": "application/json" };
  const { status, body } = await mesh.call("POST", "/api/v1/tasks", { rawBody, headers });
  expect(status).toBe(400);
  expect(body.error).toContain("content: must be well-formed Unicode");
  expect(body.error).toContain('labels: "__proto__" cannot be the key of a label');
});
