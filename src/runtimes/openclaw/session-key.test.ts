import { expect, test } from "bun:test";
import type { AttemptKey } from "../../protocol/ids.ts";
import { isTaskSession, toSessionKey } from "./session-key.ts";

const task = `task_${"0a".repeat(16)}`;

test("a conversation has one session, whatever the task", () => {
  const session = { key: "f".repeat(32), name: "trip" };
  expect(toSessionKey({ key: `${task}.1` as AttemptKey, session })).toBe(`claw-mesh:${"f".repeat(32)}`);
});

test("a message on its own has one session for all attempts of its task", () => {
  const keys = [1, 2].map((number) =>
    toSessionKey({ key: `${task}.${number}` as AttemptKey, session: null }),
  );
  expect(keys).toEqual([`claw-mesh:task:${task}`, `claw-mesh:task:${task}`]);
});

test.each([
  [`agent:main:claw-mesh:task:${task}`, true],
  [`agent:other:claw-mesh:task:${task}`, true],
  [`agent:main:claw-mesh:${"f".repeat(32)}`, false],
  ["agent:main:main", false],
  ["agent:main:my notes on claw-mesh:task:x", false],
  [`claw-mesh:task:${task}`, false],
  ["agent:main:claw-mesh:task:", false],
])("%s may be deleted by the sweep: %p", (key, isOurs) => {
  expect(isTaskSession(key)).toBe(isOurs);
});
