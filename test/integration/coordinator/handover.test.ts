/** What a node brings back to a coordinator that has done without it: its journal, with every answer in full. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemIds } from "../../../src/platform/ids.ts";
import { type AttemptRef, maxChunkLength } from "../../../src/protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../../../src/protocol/task.ts";
import { type FakeNode, toRef } from "../../support/fake-node.ts";
import { createTestCoordinator, type TestCoordinator } from "../../support/test-coordinator.ts";

const messages = 5;
const part = "x".repeat(maxChunkLength);
const parts = maxAnswerBytes / maxChunkLength;
const sha256 = new Bun.CryptoHasher("sha256").update(part.repeat(parts)).digest("hex");

let mesh: TestCoordinator;
beforeEach(async () => {
  mesh = await createTestCoordinator();
});
afterEach(() => mesh[Symbol.asyncDispose]());

/** A node that went away with work which another has done since. */
async function leaveBehind(): Promise<{ readonly node: FakeNode; readonly refs: readonly AttemptRef[] }> {
  const node = await mesh.join({ slots: messages });
  const answers = Array.from({ length: messages }, (_, at) =>
    mesh.send(`message ${at}`, { parts: { effects: "safe" } }),
  );
  const refs: AttemptRef[] = [];
  for (let at = 0; at < messages; at += 1) {
    const offer = await node.nextOffer(`message ${at}`);
    node.started(offer);
    refs.push(toRef(offer));
  }
  const other = await mesh.join({ slots: messages });
  await node.close();
  for (let at = 0; at < messages; at += 1) other.answer(await other.nextOffer(`message ${at}`), "in time");
  for (const answer of answers) expect((await answer).body.response).toBe("in time");
  return { node, refs };
}

/** One long answer as a node sends it. */
function sendLong(node: FakeNode, ref: AttemptRef, isWhole = true): void {
  for (let at = 0; at < parts; at += 1) {
    node.send({ type: "chunk", ...ref, offset: at * maxChunkLength, text: part, final: true });
  }
  if (isWhole) node.send({ type: "result", ...ref, length: maxAnswerBytes, sha256 });
}

const firstAttempt = async ({ task }: AttemptRef) =>
  (await mesh.call("GET", `/api/v1/tasks/${task}`)).body.attempts[0];

const ackOf = (node: FakeNode, { task }: AttemptRef) => node.next("ack", (ack) => ack.task === task);

describe("a node that comes back with its journal", () => {
  test("hands over 40 MiB of answers that come too late on one link, and each is kept as late", async () => {
    const { node, refs } = await leaveBehind();
    const back = await mesh.rejoin(node, { unacknowledged: [...refs] });
    for (const ref of refs) sendLong(back, ref);
    for (const ref of refs) {
      expect((await ackOf(back, ref)).unknown).toBeUndefined();
      expect(await firstAttempt(ref)).toMatchObject({ late_result: true });
    }
    await back.close();
    // Nor is it kept away, and what is on record it need not send again.
    const again = await mesh.rejoin(node, { unacknowledged: [...refs] });
    for (const ref of refs) expect((await ackOf(again, ref)).unknown).toBeUndefined();
  }, 30_000);

  test("need not send what nobody knows", async () => {
    const node = await mesh.join();
    await node.close();
    const ref = { task: systemIds.task(), attempt: 1 };
    const back = await mesh.rejoin(node, { unacknowledged: [ref] });
    expect((await ackOf(back, ref)).unknown).toBeTrue();
  });

  test("is not told to forget what says something new", async () => {
    const { node, refs } = await leaveBehind();
    const unknown = { task: systemIds.task(), attempt: 1 };
    const back = await mesh.rejoin(node, { unacknowledged: [...refs, unknown] });
    // They are looked up in this order.
    await ackOf(back, unknown);
    expect(back.frames.filter(({ type }) => type === "ack")).toHaveLength(1);
  });

  test("is cut off by more text of an attempt than an answer has", async () => {
    const { node, refs } = await leaveBehind();
    const [ref] = refs;
    if (ref === undefined) throw new Error("it has no attempt");
    const back = await mesh.rejoin(node, { unacknowledged: [ref] });
    for (let times = 0; times < 4; times += 1) sendLong(back, ref, false);
    expect((await back.closed).code).toBe(4400);
  }, 30_000);

  test("is cut off by text of attempts that it names and never had", async () => {
    const { refs } = await leaveBehind();
    const stranger = await mesh.join();
    await stranger.close();
    const made = Array.from({ length: 10_000 - refs.length }, () => ({ task: systemIds.task(), attempt: 1 }));
    const named = [...refs, ...made];
    const back = await mesh.rejoin(stranger, { unacknowledged: named });
    for (const ref of named.slice(0, 4)) sendLong(back, ref, false);
    expect((await back.closed).code).toBe(4400);
  }, 30_000);
});
