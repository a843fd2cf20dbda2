import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { FakeNode } from "../../support/fake-node.ts";
import { createCoordinatorProcess, type TestCoordinator } from "../../support/test-coordinator.ts";
import { floods } from "./floods.ts";

setDefaultTimeout(60_000);

/** In a process of its own: what floods and what measures shall not share its processor. */
let mesh: TestCoordinator;
let honest: FakeNode;
let isOver = false;

beforeAll(async () => {
  mesh = await createCoordinatorProcess();
  honest = await mesh.join({ name: "honest", slots: 50 });
  void (async () => {
    while (!isOver) honest.answer(await honest.nextOffer(), "done");
  })().catch(() => undefined);
});
afterAll(async () => {
  isOver = true;
  await mesh[Symbol.asyncDispose]();
});

/** A node that has left again, with a token of its own: the admin's is not held when it is cut off. */
async function joinHostile(name: string): Promise<FakeNode> {
  const node = await mesh.join({ name, slots: 1 });
  await node.close();
  return node;
}

/** Comes back in a process of its own and sends until it is cut off. @returns how it was */
async function pour(node: FakeNode, kind: string): Promise<unknown> {
  const hello = JSON.stringify({ ...node.hello, node_id: node.nodeId });
  const script = join(import.meta.dir, "flooder.ts");
  const child = Bun.spawn([process.execPath, script, String(mesh.port()), node.token ?? "", hello, kind], {
    stdout: "pipe",
    stderr: "inherit",
    timeout: 40_000,
  });
  return JSON.parse(await new Response(child.stdout).text());
}

/** How long messages of others take while something goes on, milliseconds; sorted. */
async function measureOthers(during: Promise<unknown>): Promise<readonly number[]> {
  const tookMs: number[] = [];
  let isDone = false;
  void during.finally(() => {
    isDone = true;
  });
  while (!isDone || tookMs.length < 10) {
    const sentMs = performance.now();
    const { status: answered } = await mesh.send("hello", { to: "honest" });
    expect(answered).toBe(200);
    tookMs.push(performance.now() - sentMs);
  }
  return tookMs.sort((a, b) => a - b);
}

const kinds = [...floods.map(([what]) => what), "pings"];

describe("a node that floods is cut off, and the messages of others go on", () => {
  test.each(kinds)("with %s", async (kind) => {
    const node = await joinHostile(`flood-${kinds.indexOf(kind)}`);
    const pouring = pour(node, kind);
    const tookMs = await measureOthers(pouring);
    expect(await pouring).toEqual({ code: 4400, reason: expect.stringContaining("too many") });
    // A few milliseconds are usual; this is for busy machines.
    expect(tookMs[Math.floor(tookMs.length / 2)]).toBeLessThan(500);
    expect(tookMs.at(-1)).toBeLessThan(5_000);
    // And it is kept away for a while, whatever it is in a hurry for.
    await expect(mesh.rejoin(node)).rejects.toThrow();
  });
});

test("a node that never stops talking about its own attempt hinders nobody, and its attempt still ends", async () => {
  const node = await mesh.join({ name: "talkative", slots: 1 });
  const answer = mesh.send("talk", { to: "talkative" });
  const offer = await node.nextOffer("talk");
  node.started(offer);
  const text = "x".repeat(1_000);
  const talking = (async () => {
    for (let at = 0; at < 3_000; at += 1) {
      node.chunk(offer, at * text.length, text);
      if (at % 20 === 0) await Bun.sleep(0);
    }
  })();
  const tookMs = await measureOthers(talking);
  expect(tookMs.at(-1)).toBeLessThan(5_000);
  node.result(offer, "the end");
  expect((await answer).body.response).toBe("the end");
});
