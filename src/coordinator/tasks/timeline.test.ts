import { describe, expect, test } from "bun:test";
import {
  createSampleAttempt,
  createSampleTask,
  sampleTimeMs,
} from "../../../test/support/store/sample-tasks.ts";
import type { NodeId } from "../../protocol/ids.ts";
import { toTimeline } from "./timeline.ts";

const nodeId = "node_1" as NodeId;
const at = (seconds: number) => sampleTimeMs + seconds * 1000;

describe("the timeline of a task", () => {
  test("begins with its acceptance", () => {
    expect(toTimeline(createSampleTask())).toEqual([
      { at: new Date(sampleTimeMs).toISOString(), what: "accepted" },
    ]);
  });

  test("tells refusals, losses and failures of attempts with their node, in order of time", () => {
    const task = createSampleTask({
      state: "failed",
      endedAtMs: at(9),
      failure: { class: "timeout", message: "too slow" },
      attempts: [
        createSampleAttempt(nodeId, {
          number: 1,
          nodeName: "full",
          state: "refused",
          offeredAtMs: at(1),
          endedAtMs: at(2),
          failure: { class: "refused", message: "it is full" },
        }),
        createSampleAttempt(nodeId, {
          number: 2,
          nodeName: "mac",
          state: "lost",
          offeredAtMs: at(2),
          startedAtMs: at(3),
          endedAtMs: at(4),
          failure: { class: "lost_after_start", message: "gone" },
        }),
        createSampleAttempt(nodeId, {
          number: 3,
          nodeName: "box",
          state: "finished",
          offeredAtMs: at(5),
          startedAtMs: at(6),
          endedAtMs: at(7),
          failure: { class: "runtime_error", kind: "internal", message: "crashed" },
        }),
      ],
    });
    expect(
      toTimeline(task).map(({ what, attempt, node_name, detail }) => [what, attempt, node_name, detail]),
    ).toEqual([
      ["accepted", undefined, undefined, undefined],
      ["offered", 1, "full", undefined],
      ["refused", 1, "full", "it is full"],
      ["offered", 2, "mac", undefined],
      ["started", 2, "mac", undefined],
      ["lost", 2, "mac", "gone"],
      ["offered", 3, "box", undefined],
      ["started", 3, "box", undefined],
      ["attempt_failed", 3, "box", "crashed"],
      ["failed", undefined, undefined, "too slow"],
    ]);
  });

  test("does not tell a success twice, and marks a result that came too late", () => {
    const task = createSampleTask({
      state: "succeeded",
      endedAtMs: at(3),
      attempts: [
        createSampleAttempt(nodeId, { number: 1, state: "lost", endedAtMs: at(4), isLateResult: true }),
        createSampleAttempt(nodeId, { number: 2, state: "finished", offeredAtMs: at(1), endedAtMs: at(3) }),
      ],
    });
    expect(toTimeline(task).map(({ what }) => what)).toEqual([
      "accepted",
      "offered",
      "offered",
      "succeeded",
      "late_result",
    ]);
  });

  test("tells that a cancel was asked for, what came of it, and that it was put aside", () => {
    const cancelled = createSampleTask({ state: "cancelled", cancelRequestedAtMs: at(1), endedAtMs: at(2) });
    expect(toTimeline(cancelled).map(({ what }) => what)).toEqual([
      "accepted",
      "cancel_requested",
      "cancelled",
    ]);
    const failure = { class: "unroutable", message: "no node" } as const;
    const failed = createSampleTask({ state: "failed", failure, endedAtMs: at(1), discardedAtMs: at(2) });
    expect(toTimeline(failed).map(({ what }) => what)).toEqual(["accepted", "failed", "discarded"]);
  });
});
