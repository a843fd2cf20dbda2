import { afterEach, beforeEach, expect, test } from "bun:test";
import { type FakeNode, type FakeNodeOptions, readyRuntime } from "../../support/fake-node.ts";
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

test("a message that was offered as its only node went away waits for it, like those that were not offered", async () => {
  const node = await mesh.join(named("only"));
  const answer = mesh.send("hold on", { to: "only" });
  const { task, attempt } = await node.nextOffer();
  const { load, ...away } = { load: { in_flight: 0, cpu: 0, memory: 0 }, slots: 4, recovering: [] };
  const runtime = { ...readyRuntime, ready: false, reason: "restarting" };
  node.send(
    { type: "status", load, ...away, runtimes: [runtime] },
    { type: "lost", task, attempt, started: false, fenced: true, reason: "it never began" },
  );
  await until("the attempt is lost", async () => {
    const { body } = await mesh.call("GET", `/api/v1/tasks/${task}`);
    return body.state === "queued" && body.attempts[0].state === "lost";
  });
  await node.close();
  const back = await mesh.rejoin(node);
  back.answer(await back.nextOffer("hold on"), "done");
  expect((await answer).body.response).toBe("done");
});

test("a safe message whose only node was lost in the middle waits for it beyond its half second", async () => {
  const node = await mesh.join(named("only"));
  const answer = mesh.send("read it", { to: "only", parts: { effects: "safe" } });
  const offer = await node.nextOffer();
  node.started(offer);
  await node.close();
  await until("it is given up there", async () => {
    const { body } = await mesh.call("GET", `/api/v1/tasks/${offer.task}`);
    return body.state === "queued" && body.attempts[0].state === "lost";
  });
  const back = await mesh.rejoin(node);
  back.answer(await back.nextOffer("read it"), "read");
  expect(await answer).toMatchObject({ status: 200, body: { response: "read", attempts: 2 } });
});
