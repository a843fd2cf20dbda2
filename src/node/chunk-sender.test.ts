import { expect, test } from "bun:test";
import { systemIds } from "../platform/ids.ts";
import { afterLoopTurn } from "../platform/loop-turn.ts";
import { toAttemptKey } from "../protocol/ids.ts";
import type { NodeFrame } from "../protocol/link/v1/frames.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { createChunkSender } from "./chunk-sender.ts";
import { createRunText } from "./run-text.ts";

function createRun(): AttemptRun {
  const ref = { task: systemIds.task(), attempt: 1 };
  const text = createRunText();
  text.add({ offset: 0, text: "hi" });
  const key = toAttemptKey(ref.task, ref.attempt);
  return { key, ref, runtime: "echo", startedAtMs: 0, text, isRecovering: () => false, stop: () => {} };
}

test("a preview that cannot be sent keeps neither the others nor later ones from going", async () => {
  const fault = new Error("a fault");
  const faults: unknown[] = [];
  const sent: NodeFrame[] = [];
  let isFirst = true;
  const whenSent = Promise.withResolvers<void>();
  const chunks = createChunkSender({
    link: {
      isUp: () => true,
      whenRoom: () => Promise.resolve(true),
      send: (frame) => {
        if (isFirst) {
          isFirst = false;
          throw fault;
        }
        sent.push(frame);
        whenSent.resolve();
      },
    },
    scheduleTurn: afterLoopTurn,
    onFault: (error) => faults.push(error),
  });
  const [broken, whole] = [createRun(), createRun()];
  chunks.mark(broken);
  chunks.mark(whole);
  await whenSent.promise;
  expect(faults).toEqual([fault]);
  expect(sent).toMatchObject([{ type: "chunk", ...whole.ref, text: "hi" }]);
});
