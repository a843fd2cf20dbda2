import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import { createLiveTask } from "./live-task.ts";
import { createWaitingAllowance, maxWaiting, maxWaitingLength, shareBehind } from "./waiting-allowance.ts";

const mi = 1024 * 1024;
const one = (message: Partial<TaskMessage> = {}) => createLiveTask(createSampleTask({}, message), 0);
/** Takes all that is left but so many characters. */
function fillUpTo(left: number) {
  const allowance = createWaitingAllowance();
  const bare = { session: null, labels: {}, requires: {} };
  for (let filled = 0; filled < maxWaitingLength - mi; filled += mi) {
    allowance.claim(one({ ...bare, content: "x".repeat(mi) }));
  }
  allowance.claim(one({ ...bare, content: "x".repeat(mi - left) }));
  return allowance;
}

describe("the messages that wait", () => {
  test("are limited in number, and the refusal says so", () => {
    const allowance = createWaitingAllowance();
    for (let count = 0; count < maxWaiting; count += 1) allowance.claim(one());
    expect(() => allowance.claim(one())).toThrow("10000 messages wait already: no more may.");
  });

  test("leave some room to those that a node is free for, and that is limited, too", () => {
    const allowance = createWaitingAllowance();
    for (let count = 0; count < maxWaiting; count += 1) allowance.claim(one());
    const behind = { isBehind: true };
    for (let count = 0; count < maxWaiting * shareBehind; count += 1) allowance.claim(one(), behind);
    expect(() => allowance.claim(one(), behind)).toThrow("messages wait already");
    const long = fillUpTo(10);
    const message = one({ content: "x".repeat(11) });
    expect(() => long.claim(message)).toThrow("have more than 256 Mi");
    long.claim(message, behind);
  });

  test.each<[string, Partial<TaskMessage>]>([
    ["content", { content: "x".repeat(11) }],
    ["labels", { content: "x", labels: { aaaaa: "bbbbb" } }],
    ["the session", { content: "x", session: "s".repeat(10) }],
    ["what they require", { content: "x", requires: { skills: ["aaaaa", "bbb"], os: "os" } }],
  ])(
    "are limited in length together, in which %s counts; the refusal says so, and room comes back",
    (_what, parts) => {
      const allowance = fillUpTo(10);
      const bare = { session: null, labels: {}, requires: {} };
      const long = one({ ...bare, ...parts });
      expect(() => allowance.claim(long)).toThrow("have more than 256 Mi");
      expect(allowance.size()).toBe(256);
      const short = one({ ...bare, content: "x".repeat(10) });
      allowance.claim(short);
      allowance.giveBack(short);
      allowance.claim(one({ ...bare, content: "x".repeat(10) }));
    },
  );
});
