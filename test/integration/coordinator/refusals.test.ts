import { afterEach, beforeEach, expect, test } from "bun:test";
import type { FakeNode, FakeNodeOptions } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const offersTo = (node: FakeNode) => node.frames.filter(({ type }) => type === "offer").length;

/** Refuses all offers as full until it is told to answer them. */
function refuseAll(node: FakeNode): { readonly answerFromNowOn: () => void } {
  let isAnswering = false;
  const take = async () => {
    for (;;) {
      const offer = await node.nextOffer();
      if (isAnswering) node.answer(offer, `did ${offer.content}`);
      else node.refuse(offer, "full");
    }
  };
  take().catch(() => undefined);
  return {
    answerFromNowOn: () => {
      isAnswering = true;
    },
  };
}

test("messages that a full node refuses do not hand its slot round as fast as they can", async () => {
  const node = await mesh.join({ ...named("stuck"), slots: 2 });
  const refusing = refuseAll(node);
  const contents = ["a", "b", "c", "d", "e", "f"];
  const answers = contents.map((content) => mesh.send(content, { to: "stuck" }));
  await until("every message was refused", async () => offersTo(node) >= contents.length);
  await Bun.sleep(1_000);
  // Each waits 0.25 s at least after its first refusal, and longer after every other.
  expect(offersTo(node)).toBeLessThan(contents.length * 6);
  refusing.answerFromNowOn();
  const bodies = (await Promise.all(answers)).map(({ body }) => body.response);
  expect(bodies).toEqual(contents.map((content) => `did ${content}`));
});

test("a message that was refused goes as soon as a run on that node ends", async () => {
  const node = await mesh.join({ ...named("busy"), slots: 2 });
  const running = mesh.send("runs", { to: "busy" });
  const run = await node.nextOffer("runs");
  node.started(run);
  const waiting = mesh.send("waits", { to: "busy" });
  for (let refusals = 0; refusals < 3; refusals += 1) node.refuse(await node.nextOffer("waits"), "full");
  const endedAtMs = performance.now();
  node.result(run, "done");
  node.answer(await node.nextOffer("waits"), "mine");
  // By its own time it would have waited for 1 s at least.
  expect(performance.now() - endedAtMs).toBeLessThan(900);
  expect((await running).body.response).toBe("done");
  expect((await waiting).body.response).toBe("mine");
});
