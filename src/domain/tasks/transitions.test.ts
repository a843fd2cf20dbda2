import { describe, expect, test } from "bun:test";
import type { Task } from "./task.ts";
import { run } from "./task-fixture.ts";
import { transitionCases } from "./transition-cases.ts";

const move = (before: string, after: string) => (before === after ? before : `${before} → ${after}`);
const newest = (task: Task) => task.attempts.at(-1);

describe("each transition of docs/reference/task-states.md", () => {
  for (const { name, task, history, event, ...expected } of transitionCases) {
    test(name, () => {
      const before = run(task, ...history).task;
      const { task: after, next } = run(before, event);
      // Before a new attempt there was none, or another one.
      const attemptBefore = newest(before)?.state ?? "–";
      const actual: typeof expected = {
        states: move(before.state, after.state),
        attempt: move(attemptBefore, newest(after)?.state ?? "–"),
        next: next.kind,
        ...(after.failure === null ? {} : { failure: after.failure.class }),
      };
      expect(actual).toEqual(expected);
      const isUntouched = !expected.states.includes("→") && !expected.attempt.includes("→");
      if (isUntouched && next.kind !== "stop") expect(after).toEqual(before);
    });
  }

  test("has a name of its own", () => {
    const names = transitionCases.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
