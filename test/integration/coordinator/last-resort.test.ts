import { afterEach, beforeEach, expect, test } from "bun:test";
import { failuresToOpen } from "../../../src/domain/nodes/circuit-breaker.ts";
import type { Failure } from "../../../src/protocol/failure.ts";
import type { FakeNode } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

let mesh: TestCoordinator;
let node: FakeNode;
beforeEach(async () => {
  mesh = await createTestCoordinator();
  node = await mesh.join({ slots: 4 });
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** Sends a message, which the only node fails. */
async function sendAndFail(content: string, failure: Failure) {
  const answer = mesh.send(content);
  const { task, attempt } = await node.nextOffer(content);
  node.send({ type: "started", task, attempt }, { type: "failed", task, attempt, failure });
  return answer;
}

for (const kind of ["auth", "quota", "internal"] as const) {
  test(`senders of a mesh of one node that fails by ${kind} are told so each time, breaker or not`, async () => {
    const failure: Failure = { class: "runtime_error", kind, message: `the provider says no: ${kind}` };
    const failed = { status: 502, body: { code: "RUNTIME_FAILED", error: failure.message } };
    for (let count = 0; count < failuresToOpen; count += 1) {
      expect(await sendAndFail(`m${count}`, failure)).toMatchObject(failed);
    }
    const { body } = await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`);
    expect(body.breakers).toMatchObject([{ cause: kind }]);
    for (const content of ["again", "and again"]) {
      expect(await sendAndFail(content, failure)).toMatchObject(failed);
    }
    const answer = mesh.send("once more");
    node.answer(await node.nextOffer("once more"), "well again");
    expect(await answer).toMatchObject({ status: 200, body: { response: "well again" } });
  });
}
