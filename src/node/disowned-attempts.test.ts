import { expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import { toAttemptKey } from "../protocol/ids.ts";
import type { AttemptRef, NodeFrame } from "../protocol/link/v1/frames.ts";
import { createDisownedAttempts, maxDisowned } from "./disowned-attempts.ts";

function setUp() {
  const sent: NodeFrame[] = [];
  return { sent, disowned: createDisownedAttempts({ send: (frame) => sent.push(frame) }) };
}

const newRef = (): AttemptRef => ({ task: systemIds.task(), attempt: 1 });
const keyOf = (ref: AttemptRef) => toAttemptKey(ref.task, ref.attempt);

test("an attempt that the node never started stays so, as often as it is offered", () => {
  const { disowned, sent } = setUp();
  const ref = newRef();
  disowned.lose(ref, false, "the node never started it");
  expect(disowned.answer(keyOf(ref))).toBe(true);
  expect(disowned.answer(keyOf(ref))).toBe(true);
  const lost = { type: "lost", ...ref, started: false, fenced: true, reason: "the node never started it" };
  expect(sent).toEqual([lost, lost, lost] as NodeFrame[]);
});

test("an attempt of which the node cannot tell is not vouched for", () => {
  const { disowned, sent } = setUp();
  const ref = newRef();
  disowned.lose(ref, true, "the node's journal was lost");
  disowned.answer(keyOf(ref));
  expect(sent.at(-1)).toMatchObject({ type: "lost", started: true, fenced: false });
});

test("an attempt that was refused is lost before its start when it is offered again", () => {
  const { disowned, sent } = setUp();
  const ref = newRef();
  disowned.refuse(ref, "full", "all 4 slots are taken");
  expect(disowned.answer(keyOf(ref))).toBe(true);
  expect(sent).toMatchObject([
    { type: "refuse", reason: "full", ...ref },
    { type: "lost", started: false, fenced: true, ...ref },
  ]);
});

test("other attempts are free to be taken", () => {
  const { disowned, sent } = setUp();
  const ref = newRef();
  disowned.lose(ref, false, "the node never started it");
  expect(disowned.answer(toAttemptKey(ref.task, 2))).toBe(false);
  expect(sent.length).toBe(1);
});

test("of more than ten thousand the oldest are forgotten", () => {
  const { disowned } = setUp();
  const refs = Array.from({ length: maxDisowned + 1 }, newRef);
  for (const ref of refs) disowned.lose(ref, false, "");
  expect(refs.map((ref) => disowned.answer(keyOf(ref)))).toEqual(refs.map((_, index) => index > 0));
});
