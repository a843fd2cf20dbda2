import { expect, test } from "bun:test";
import { offered, queued, run } from "../../domain/tasks/task-fixture.ts";
import type { TaskEvent } from "../../domain/tasks/task-machine.ts";
import { MeshError } from "../../protocol/errors.ts";
import { toRouteAnswer } from "./task-outcome.ts";

const refused: TaskEvent = { kind: "refused", attempt: 1, message: "full" };
const failed: TaskEvent = {
  kind: "failed",
  attempt: 1,
  failure: { class: "runtime_error", kind: "overloaded", message: "busy" },
};

function messageAfter(...events: readonly TaskEvent[]): string {
  const { task } = run(queued({ effects: "safe" }), ...events, { kind: "expired" });
  try {
    toRouteAnswer(task, true);
  } catch (error) {
    if (error instanceof MeshError && error.code === "MESSAGE_EXPIRED") return error.message;
    throw error;
  }
  throw new Error("it has an answer");
}

test("an expired message says whether a node had taken it", () => {
  expect(messageAfter()).toBe("No node took the message before it expired.");
  expect(messageAfter(offered, refused)).toBe("No node took the message before it expired.");
  expect(messageAfter(offered, failed)).toBe("The message expired before it was tried again, after 1 try.");
});
