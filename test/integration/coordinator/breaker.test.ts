import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LiveTask } from "../../../src/coordinator/tasks/live-task.ts";
import {
  failuresToOpen,
  firstCooldownMs,
  maxCooldownMs,
  voidPauseMs,
} from "../../../src/domain/nodes/circuit-breaker.ts";
import type { TaskMessage } from "../../../src/domain/tasks/task.ts";
import type { Failure } from "../../../src/protocol/failure.ts";
import type { OfferFrame } from "../../../src/protocol/link/v1/frames.ts";
import type { HeldAttempt, PaperNode } from "../../support/paper-node.ts";
import { createQueueWorld, type QueueWorld } from "../../support/queue-world.ts";

let world: QueueWorld;
let bad: PaperNode;
let good: PaperNode;
beforeEach(async () => {
  world = await createQueueWorld({
    nodes: [
      ["bad", 4],
      ["good", 4],
    ],
  });
  const [first, second] = world.nodes;
  if (first === undefined || second === undefined) throw new Error("the world has two nodes");
  bad = first;
  good = second;
  bad.connect(world.now().links);
  await world.settle();
});
afterEach(() => world[Symbol.asyncDispose]());

const internal: Failure = { class: "runtime_error", kind: "internal", message: "it failed" };
const refOf = ({ task, attempt }: OfferFrame) => ({ task, attempt });

async function submit(parts: Partial<TaskMessage> = {}): Promise<LiveTask> {
  const live = await world.now().engine.submit(world.message(parts));
  await world.settle();
  return live;
}

const held = (paper: PaperNode) => paper.journal.filter(({ state }) => state === "held");

async function fail(paper: PaperNode, one: HeldAttempt, failure = internal): Promise<void> {
  paper.start(one);
  paper.end(one, (offer) => ({ type: "failed", ...refOf(offer), failure }));
  await world.settle();
}

async function succeed(paper: PaperNode, one: HeldAttempt): Promise<void> {
  paper.start(one);
  paper.end(one, (offer) => ({ type: "result", ...refOf(offer), length: 4, text: "done" }));
  await world.settle();
}

/** Lets as many messages fail on the node as it takes. */
async function failOften(failure = internal): Promise<void> {
  for (let count = 0; count < failuresToOpen; count += 1) {
    await submit({ target: "bad" });
    for (const one of held(bad)) await fail(bad, one, failure);
  }
}

const breakersOf = (name: string) => world.now().registry.find(name)?.breakers ?? [];

describe("a node that fails five times in a row", () => {
  test("gets no more work while another can serve", async () => {
    await failOften();
    good.connect(world.now().links);
    await world.settle();
    for (let count = 0; count < 4; count += 1) await submit();
    expect({ bad: held(bad).length, good: held(good).length }).toEqual({ bad: 0, good: 4 });
    expect(breakersOf("bad")).toMatchObject([{ cause: "internal" }]);
  });

  test("keeps its work when the failures are the messages' own, or the runtime refuses", async () => {
    await failOften({ class: "runtime_error", kind: "bad_request", message: "no" });
    await failOften({ class: "too_large", message: "no" });
    await submit();
    expect(held(bad)).toHaveLength(1);
    expect(breakersOf("bad")).toEqual([]);
  });

  test("keeps its work when what was lost had been cancelled: many runtimes confirm no stop", async () => {
    const lost = (offer: OfferFrame) =>
      ({
        type: "lost",
        ...refOf(offer),
        started: true,
        fenced: false,
        reason: "the request was closed",
      }) as const;
    for (let count = 0; count < failuresToOpen; count += 1) {
      const live = await submit({ target: "bad" });
      for (const one of held(bad)) {
        bad.start(one);
        await world.settle();
        await world.now().engine.cancel(live);
        bad.end(one, lost);
        await world.settle();
      }
      expect(live.task).toMatchObject({ state: "cancelled", failure: { class: "outcome_unknown" } });
    }
    expect(breakersOf("bad")).toEqual([]);
  });

  test("keeps its work when the failures are of different kinds", async () => {
    for (const kind of ["internal", "auth", "quota", "overloaded", "internal", "auth"] as const) {
      await submit();
      for (const one of held(bad)) await fail(bad, one, { ...internal, kind });
    }
    await submit();
    expect(held(bad)).toHaveLength(1);
  });

  test("is told of in events, with its end", async () => {
    const told: string[] = [];
    world
      .now()
      .events.on("breaker.changed", ({ cause, isOpen }) =>
        told.push(`${cause} ${isOpen ? "open" : "closed"}`),
      );
    await failOften();
    expect(told).toEqual(["internal open"]);
    await submit();
    await world.elapse(firstCooldownMs);
    for (const one of held(bad)) await succeed(bad, one);
    expect(told).toEqual(["internal open", "internal closed"]);
  });

  test("is named as the reason by what waits for it, with the time of the next try", async () => {
    await failOften();
    const live = await submit();
    const decision = world.now().engine.find(live.id)?.task.decision;
    expect(decision?.unblock[0]?.nodes).toMatchObject([{ name: "bad", reason: "breaker_open" }]);
    expect(decision?.refused.named).toMatchObject([{ name: "bad", reason: "breaker_open" }]);
    expect(decision?.refused.named[0]?.detail).toMatch(/^internal, next try at 20\d\d-.*Z$/);
  });
});

describe("queued tasks of a mesh of one node that fails", () => {
  test("wait, and one of them is tried after the rest", async () => {
    await failOften();
    const waiting = [await submit(), await submit(), await submit()];
    expect(held(bad)).toEqual([]);
    await world.elapse(firstCooldownMs + 100);
    expect(held(bad)).toHaveLength(1);
    await world.elapse(60_000);
    expect(held(bad)).toHaveLength(1);
    expect(waiting.map(({ task }) => task.state).sort()).toEqual(["queued", "queued", "running"]);
  });

  test("all go when that one succeeds", async () => {
    await failOften();
    for (let count = 0; count < 3; count += 1) await submit();
    await world.elapse(firstCooldownMs + 100);
    for (const one of held(bad)) await succeed(bad, one);
    expect(held(bad)).toHaveLength(2);
    expect(breakersOf("bad")).toEqual([]);
  });

  test("wait for twice as long when that one fails", async () => {
    await failOften();
    for (let count = 0; count < 3; count += 1) await submit();
    await world.elapse(firstCooldownMs + 100);
    for (const one of held(bad)) await fail(bad, one);
    await world.elapse(firstCooldownMs + 100);
    expect(held(bad)).toEqual([]);
    await world.elapse(firstCooldownMs + 100);
    expect(held(bad)).toHaveLength(1);
  });

  test("are tried again a second after a try that said nothing", async () => {
    await failOften();
    for (let count = 0; count < 3; count += 1) await submit();
    await world.elapse(firstCooldownMs + 100);
    for (const one of held(bad)) bad.refuse(one);
    await world.settle();
    expect(held(bad)).toEqual([]);
    await world.elapse(voidPauseMs + 100);
    expect(held(bad)).toHaveLength(1);
  });

  test("are tried again after a cancelled try", async () => {
    await failOften();
    await submit();
    await submit();
    await world.elapse(firstCooldownMs + 100);
    const [probe] = held(bad);
    const live = probe === undefined ? null : world.now().engine.find(probe.offer.task);
    if (live !== null) void world.now().engine.cancel(live);
    await world.settle();
    await world.elapse(voidPauseMs + 100);
    expect(held(bad)).toHaveLength(1);
    expect(breakersOf("bad")).toHaveLength(1);
  });
});

describe("a synchronous message", () => {
  test("goes to the failing node as a last resort, and its success ends the rest", async () => {
    await failOften();
    const parked = await submit();
    await submit({ isSynchronous: true });
    expect(held(bad)).toHaveLength(1);
    for (const one of held(bad)) await succeed(bad, one);
    expect(breakersOf("bad")).toEqual([]);
    expect(held(bad).map(({ offer }) => offer.task)).toEqual([parked.id]);
  });

  test("prolongs the rest when it fails there too", async () => {
    await failOften();
    await submit();
    await submit({ isSynchronous: true });
    for (const one of held(bad)) await fail(bad, one);
    await world.elapse(firstCooldownMs + 100);
    expect(held(bad)).toEqual([]);
    await world.elapse(firstCooldownMs + 100);
    expect(held(bad)).toHaveLength(1);
  });
});

describe("a node that lost its runs five times in a row", () => {
  const lose = async () => {
    for (let count = 0; count < failuresToOpen; count += 1) {
      await submit({ target: "bad" });
      for (const one of held(bad)) {
        bad.start(one);
        bad.end(one, (offer) => ({
          type: "lost",
          ...refOf(offer),
          started: true,
          fenced: true,
          reason: "gone",
        }));
        await world.settle();
      }
    }
  };

  test("gets no work until its rest is over", async () => {
    await lose();
    expect(breakersOf("bad")).toMatchObject([{ cause: "lost_after_start" }]);
    await submit();
    expect(held(bad)).toEqual([]);
  });

  test("gets work at once when it comes back as another process", async () => {
    await lose();
    await submit();
    bad.die();
    bad.connect(world.now().links);
    await world.settle();
    expect(held(bad)).toHaveLength(1);
    expect(breakersOf("bad")).toEqual([]);
  });
});

test("no rest is longer than two minutes", async () => {
  await failOften();
  for (let count = 0; count < 12; count += 1) await submit();
  for (let probe = 0; probe < 10; probe += 1) {
    await world.elapse(maxCooldownMs + 100);
    expect(held(bad)).toHaveLength(1);
    for (const one of held(bad)) await fail(bad, one);
  }
}, 20_000);
