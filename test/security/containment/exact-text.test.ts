/** What is made safe where it is shown stays what it is in the API. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { hostileStrings } from "../../support/hostile-strings.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let coordinator: TestCoordinator;
let node: FakeNode;
beforeAll(async () => {
  coordinator = await createTestCoordinator();
  node = await coordinator.join();
});
afterAll(() => coordinator[Symbol.asyncDispose]());

/** Nothing that is kept holds half of a pair. */
const kept = (text: string) => text.toWellFormed();
const showTask = async (id: string) => (await coordinator.call("GET", `/api/v1/tasks/${id}`)).body;

describe.each(Object.entries(hostileStrings))("%s", (_, text) => {
  test("is answered exactly, and in no header", async () => {
    const content = `say ${kept(text)}`;
    const answering = coordinator.send(content, { to: node.name });
    node.answer(await node.nextOffer(content), text);
    const { headers, body } = await answering;
    expect(body.response).toBe(text);
    for (const [name, value] of headers) expect(`${name}: ${value}`).toMatch(/^[\x20-\x7e]*$/);
    expect(headers.get("x-claw-mesh-node")).toBe(node.nodeId);
    expect(await showTask(body.message_id)).toMatchObject({ content, response: kept(text) });
  });

  test("is told exactly as the reason of a failure, and in no header", async () => {
    const content = `fail ${kept(text)}`;
    const answering = coordinator.send(content, { to: node.name });
    const ref = toRef(await node.nextOffer(content));
    const failure = { class: "runtime_error", kind: "bad_request", message: text } as const;
    node.send({ type: "started", ...ref }, { type: "failed", ...ref, failure });
    const { headers, body } = await answering;
    for (const [name, value] of headers) expect(`${name}: ${value}`).toMatch(/^[\x20-\x7e]*$/);
    expect(kept(body.error)).toContain(kept(text));
    expect(kept((await showTask(ref.task)).failure.message)).toBe(kept(text));
  });
});
