import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { maxWaiting } from "../../../src/coordinator/tasks/waiting-allowance.ts";
import type { FakeNode, FakeNodeOptions } from "../../support/fake-node.ts";
import { type Answer, createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";
import { until } from "../../support/until.ts";

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

const named = (name: string) => ({ name: name as NonNullable<FakeNodeOptions["name"]> });
const patch = (node: FakeNode, body: object) => mesh.call("PATCH", `/api/v1/nodes/${node.nodeId}`, { body });
const offersTo = (node: FakeNode) => node.frames.filter((frame) => frame.type === "offer").length;

/** Sends, and resolves when the message is known to wait. */
async function sendAndWait(
  content: string,
  parts: object = {},
): Promise<{ readonly answer: Promise<Answer> }> {
  const response = await mesh.stream(content, { parts: { ...parts } });
  const text = response.text();
  const answer = text.then((events) => ({ text: events }) as Answer);
  return { answer };
}

describe("a slot", () => {
  test("is waited for, in the order of arrival", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const second = await sendAndWait("second");
    const third = await sendAndWait("third");
    expect(offersTo(node)).toBe(1);
    node.answer(offer, "1");
    node.answer(await node.nextOffer(), "2");
    const last = await node.nextOffer();
    expect(last.content).toBe("third");
    node.answer(last, "3");
    expect((await first).body.response).toBe("1");
    expect((await second.answer).text).toContain('"response":"2"');
    expect((await third.answer).text).toContain('"response":"3"');
  });

  test("that more slots make is used at once", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const second = await sendAndWait("second");
    const load = { in_flight: 1, cpu: 0, memory: 0 };
    node.send({ type: "status", load, slots: 2, runtimes: [...node.hello.runtimes], recovering: [] });
    node.answer(await node.nextOffer("second"), "2");
    await second.answer;
    node.answer(offer, "1");
    await first;
  });

  test("that another node brings is used at once", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const second = await sendAndWait("second");
    const other = await mesh.join();
    other.answer(await other.nextOffer("second"), "2");
    await second.answer;
    node.answer(offer, "1");
    await first;
  });

  test("is not waited for longer than the message's time", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const { status, body } = await mesh.send("second", { parts: { timeout_s: 0.2 } });
    expect({ status, code: body.code }).toEqual({ status: 504, code: "MESSAGE_TIMEOUT" });
    node.answer(offer, "1");
    await first;
    expect(offersTo(node)).toBe(1);
  });

  test("is not lost by a client that leaves while it waits", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const leaving = new AbortController();
    const second = await mesh.stream("second", { signal: leaving.signal });
    const third = await sendAndWait("third");
    leaving.abort();
    const task = second.headers.get("x-claw-mesh-task");
    await until("cancelled", async () => {
      const { body } = await mesh.call("GET", `/api/v1/tasks/${task}`);
      return body.state === "cancelled";
    });
    node.answer(offer, "1");
    await first;
    const next = await node.nextOffer();
    expect(next.content).toBe("third");
    node.answer(next, "3");
    expect((await third.answer).text).toContain('"response":"3"');
  });

  test("on a node that only dials again is still waited for", async () => {
    const node = await mesh.join({ slots: 1 });
    const first = mesh.send("first");
    const offer = await node.nextOffer("first");
    const second = await sendAndWait("second");
    await node.close();
    await until("offline", async () => {
      const { body } = await mesh.call("GET", `/api/v1/nodes/${node.nodeId}`);
      return body.status === "offline";
    });
    const returned = await mesh.rejoin(node, { unacknowledged: [{ task: offer.task, attempt: 1 }] });
    returned.result(offer, "1");
    returned.answer(await returned.nextOffer("second"), "2");
    expect((await first).body.response).toBe("1");
    expect((await second.answer).text).toContain('"response":"2"');
  });

  test("never loses a message under a crowd: all are answered, never more at once than there are slots", async () => {
    const nodes = [await mesh.join({ slots: 2 }), await mesh.join({ slots: 3 })];
    let most = 0;
    const work = async (node: FakeNode) => {
      let running = 0;
      for (;;) {
        const offer = await node.nextOffer();
        running += 1;
        most = Math.max(most, running - node.hello.slots);
        setTimeout(() => {
          running -= 1;
          node.answer(offer, offer.content);
        }, Math.random() * 4);
      }
    };
    const working = nodes.map((node) => work(node).catch(() => undefined));
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => mesh.send(`message ${index}`)),
    );
    expect(answers.map(({ status, body }) => `${status} ${body.response}`)).toEqual(
      Array.from({ length: 200 }, (_, index) => `200 message ${index}`),
    );
    expect(most).toBeLessThanOrEqual(0);
    expect(working).toHaveLength(2);
  });
});

describe("a parked message", () => {
  test("goes to the node that joins", async () => {
    await mesh.call("POST", "/api/v1/rules", {
      body: { match: { requires_gpu: true }, otherwise: "queue" },
    });
    const parked = await sendAndWait("train", { requires: { gpu: true } });
    const plain = await mesh.join(named("plain"));
    const gpu = await mesh.join({ ...named("gpu"), capabilities: { gpu: true } });
    gpu.answer(await gpu.nextOffer("train"), "trained");
    const { text } = await parked.answer;
    expect(text).toContain('"outcome":"waiting"');
    expect(text).toContain('"response":"trained"');
    expect(offersTo(plain)).toBe(0);
  });

  test("fails at once where the rule says so, and says what would help where none waits", async () => {
    await mesh.join({ capabilities: { os: "linux" } });
    const { status, body } = await mesh.send("x", { parts: { requires: { os: "darwin" } } });
    expect({ status, code: body.code }).toEqual({ status: 503, code: "NO_NODE_FITS" });
    expect(body.error).toContain("os=darwin");
    expect(body.details.decision).toMatchObject({ outcome: "unroutable" });
  });
});

describe("a queued task that no node can serve", () => {
  test("waits, says for what, and starts within a second of such a node appearing", async () => {
    await mesh.join(named("plain"));
    const input = { content: "build", requires: { os: "darwin" } };
    const { status, body } = await mesh.call("POST", "/api/v1/tasks", { body: input });
    expect({ status, state: body.state }).toEqual({ status: 202, state: "queued" });
    const { body: waiting } = await mesh.call("GET", `/api/v1/tasks/${body.id}`);
    expect(waiting.waiting_for).toStartWith("a node with os=darwin");
    const joinedAtMs = performance.now();
    const mac = await mesh.join({ ...named("mac"), capabilities: { os: "darwin" } });
    const offer = await mac.nextOffer("build");
    expect(performance.now() - joinedAtMs).toBeLessThan(1_000);
    expect(offer.timeout_ms).toBeGreaterThan(590_000);
    mac.answer(offer, "built");
    await until("built", async () => {
      const { body: done } = await mesh.call("GET", `/api/v1/tasks/${body.id}`);
      return done.response === "built";
    });
  });

  test("is told that too many wait with the time after which to try again", async () => {
    const input = { body: { content: "x", not_before: new Date(Date.now() + 3_600_000).toISOString() } };
    await Promise.all(Array.from({ length: maxWaiting }, () => mesh.call("POST", "/api/v1/tasks", input)));
    const { status, body, headers } = await mesh.call("POST", "/api/v1/tasks", input);
    expect({ status, code: body.code }).toEqual({ status: 503, code: "QUEUE_FULL" });
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  }, 30_000);
});

describe("scheduling", () => {
  test("a cordoned node gets nothing new until it is active again", async () => {
    const node = await mesh.join();
    expect((await patch(node, { scheduling: "cordoned" })).body.scheduling).toBe("cordoned");
    expect((await mesh.send("no")).body.code).toBe("NO_NODE_FITS");
    await patch(node, { scheduling: "active" });
    const answering = mesh.send("yes");
    node.answer(await node.nextOffer("yes"), "yes");
    expect((await answering).status).toBe(200);
  });

  test("a drained node finishes what runs, gets nothing new and is told", async () => {
    const node = await mesh.join();
    const answering = mesh.send("running");
    const offer = await node.nextOffer();
    await patch(node, { scheduling: "draining" });
    expect(await node.next("drain")).toMatchObject({ reason: "drained by an operator" });
    expect((await mesh.send("new")).body.code).toBe("NO_NODE_FITS");
    node.answer(offer, "finished");
    expect((await answering).body.response).toBe("finished");
    node.send({ type: "goodbye", reason: "drained" });
    await node.closed;
    const again = await mesh.rejoin(node);
    const { body } = await mesh.call("GET", `/api/v1/nodes/${again.nodeId}`);
    expect(body.scheduling).toBe("active");
  });
});

describe("a conversation", () => {
  const session = { parts: { session: "talk" } };

  /** Sends one message of the conversation and tells which node got it. */
  async function talk(nodes: readonly FakeNode[], content: string): Promise<string> {
    const answering = mesh.send(content, session);
    const asked = await until("an offer", async () =>
      nodes.find((node) => node.frames.some((frame) => frame.type === "offer" && frame.content === content)),
    );
    asked.answer(await asked.nextOffer(content), "ok");
    const { status, body } = await answering;
    expect(status).toBe(200);
    return body.node_name;
  }

  test("stays on its node, over a restart too, and its key tells the node nothing", async () => {
    const nodes = [await mesh.join(named("a")), await mesh.join(named("b")), await mesh.join(named("c"))];
    const home = await talk(nodes, "1");
    for (let index = 2; index < 8; index += 1) expect(await talk(nodes, `${index}`)).toBe(home);
    const offers = nodes.flatMap((node) => node.frames.filter((frame) => frame.type === "offer"));
    const keys = new Set(offers.map((offer) => offer.session?.key));
    expect(keys.size).toBe(1);
    expect([...keys][0]).toMatch(/^[0-9a-f]{32}$/);
    await mesh.restart();
    const again = await Promise.all(nodes.map((node) => mesh.rejoin(node)));
    expect(await talk(again, "after")).toBe(home);
  });

  test("waits for an agent that says goodbye only to start again", async () => {
    const home = await mesh.join(named("home"));
    expect(await talk([home], "1")).toBe("home");
    const other = await mesh.join(named("other"));
    home.send({ type: "goodbye", reason: "SIGTERM" });
    await home.closed;
    const waiting = mesh.send("2", session);
    const unrelated = mesh.send("unrelated");
    other.answer(await other.nextOffer("unrelated"), "elsewhere");
    await unrelated;
    const again = await mesh.rejoin(home);
    again.answer(await again.nextOffer("2"), "at home");
    expect((await waiting).body.node_name).toBe("home");
  });

  test("waits for its node while that is full", async () => {
    const home = await mesh.join({ ...named("home"), slots: 1 });
    expect(await talk([home], "1")).toBe("home");
    const other = await mesh.join({ ...named("other"), slots: 9 });
    const filling = mesh.send("fill", { to: "home" });
    const filler = await home.nextOffer("fill");
    const waiting = mesh.send("2", session);
    const unrelated = mesh.send("unrelated");
    other.answer(await other.nextOffer("unrelated"), "elsewhere");
    await unrelated;
    home.answer(filler, "done");
    home.answer(await home.nextOffer("2"), "at home");
    expect((await waiting).body.node_name).toBe("home");
    expect((await filling).status).toBe(200);
  });

  test("moves when its node was removed, and says so", async () => {
    const home = await mesh.join(named("home"));
    expect(await talk([home], "1")).toBe("home");
    const other = await mesh.join(named("other"));
    await mesh.call("DELETE", "/api/v1/nodes/home");
    expect(await talk([other], "2")).toBe("other");
    const offer = other.frames.find((frame) => frame.type === "offer");
    const { body } = await mesh.call("GET", `/api/v1/tasks/${offer?.task}/decision`);
    expect(body.session).toEqual({ name: "talk", binding: "moved", node_id: other.nodeId });
    expect(await talk([other], "3")).toBe("other");
  });
});
