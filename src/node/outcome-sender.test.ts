import { describe, expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import { toAttemptKey } from "../protocol/ids.ts";
import { type AttemptRef, maxInlineLength, type NodeFrame } from "../protocol/link/v1/frames.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";
import { createOutcomeSender } from "./outcome-sender.ts";

const newWaiting = () => {
  const ref: AttemptRef = { task: systemIds.task(), attempt: 1 };
  return { ref, key: toAttemptKey(ref.task, ref.attempt) };
};
const outcome: RunOutcome = { kind: "succeeded", text: "done" };

describe("outcomes that wait", () => {
  test("all go but the one that cannot be sent, which is heard of", async () => {
    const [broken, whole] = [newWaiting(), newWaiting()];
    const fault = new Error("a fault");
    const faults: unknown[] = [];
    const sent = Promise.withResolvers<NodeFrame>();
    const sender = createOutcomeSender({
      link: { isUp: () => true, whenRoom: () => Promise.resolve(true), send: sent.resolve },
      loadOutcome: (key) => {
        if (key === broken.key) throw fault;
        return outcome;
      },
      onFault: (error) => faults.push(error),
    });
    sender.resend([broken, whole]);
    expect(await sent.promise).toMatchObject({ type: "result", ...whole.ref });
    expect(faults).toEqual([fault]);
  });

  test("stay where they are when the link is lost, long ones too", async () => {
    const sent: NodeFrame[] = [];
    const room = Promise.withResolvers<boolean>();
    const sender = createOutcomeSender({
      link: { isUp: () => true, whenRoom: () => room.promise, send: (frame) => sent.push(frame) },
      loadOutcome: () => ({ kind: "succeeded", text: "x".repeat(maxInlineLength + 1) }),
      onFault: () => {},
    });
    sender.resend([newWaiting()]);
    sender.interrupt();
    room.resolve(true);
    await room.promise;
    expect(sent).toEqual([]);
  });
});
