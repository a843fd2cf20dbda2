import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import type { TaskMessage } from "../../domain/tasks/task.ts";
import type { MeshError } from "../../protocol/errors.ts";
import { createLiveTask } from "./live-task.ts";
import { createWaitingAllowance, maxWaiting, maxWaitingLength, shareBehind } from "./waiting-allowance.ts";

const mi = 1024 * 1024;
const one = (message: Partial<TaskMessage> = {}) =>
  createLiveTask(createSampleTask({}, { subject: "admin", ...message }), 0);
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

  test("of one token leave as much as they take, in number and characters, and others find room", () => {
    const allowance = createWaitingAllowance();
    const of = (subject: string, content = "x") => one({ subject, content, session: null, labels: {} });
    const fill = (subject: string, content = "x") => {
      for (let count = 0; ; count += 1) {
        try {
          allowance.claim(of(subject, content));
        } catch (error) {
          expect((error as MeshError).code).toBe("QUEUE_FULL");
          return count;
        }
      }
    };
    expect([fill("a"), fill("b"), fill("c")]).toEqual([5_000, 2_500, 1_250]);
    expect(() => allowance.claim(of("a"))).toThrow("5000 messages of this token wait already");
    expect(fill("admin")).toBe(1_250);
  });

  test("of one token get their room back when they go", () => {
    const allowance = createWaitingAllowance();
    const all = Array.from({ length: maxWaiting / 2 }, () => one({ subject: "a" }));
    for (const each of all) allowance.claim(each);
    expect(() => allowance.claim(one({ subject: "a" }))).toThrow("of this token");
    for (const each of all) allowance.giveBack(each);
    for (const each of all) allowance.claim(each);
    expect(allowance.size()).toBe(maxWaiting / 2);
  });

  test("count for who ran them again, whoever sent them first", () => {
    const allowance = createWaitingAllowance();
    const again = () => createLiveTask(createSampleTask({}, { subject: "admin" }), 0, "operator");
    for (let count = 0; count < maxWaiting / 2; count += 1) allowance.claim(again());
    expect(() => allowance.claim(again())).toThrow("5000 messages of this token wait already");
    expect(() => allowance.claim(one({ subject: "operator" }))).toThrow("5000 messages of this token");
    allowance.claim(one({ subject: "another" }));
    allowance.claim(one());
  });

  test("of one token that pause beyond what it may claim keep its new ones out, and nobody else's", () => {
    const allowance = createWaitingAllowance();
    const paused = Array.from({ length: 7_000 }, () => one({ subject: "a" }));
    const most = (maxWaiting * (1 + shareBehind)) / 2;
    for (const each of paused.slice(0, most)) allowance.grant(each);
    allowance.assertNoExcess(one({ subject: "a" }));
    for (const each of paused.slice(most)) allowance.grant(each);
    expect(allowance.size()).toBe(7_000);
    expect(() => allowance.assertNoExcess(one({ subject: "a" }))).toThrow("7000 messages of this token");
    expect(() => allowance.claim(one({ subject: "a" }))).toThrow("7000 messages of this token");
    for (const subject of ["b", "admin"]) {
      allowance.assertNoExcess(one({ subject }));
      allowance.claim(one({ subject }));
    }
    for (const each of paused.slice(most)) allowance.giveBack(each);
    allowance.assertNoExcess(one({ subject: "a" }));
  });

  test("of one token that pause are limited in characters, too", () => {
    const allowance = createWaitingAllowance();
    const long = { subject: "a", content: "x".repeat(mi) };
    for (let filled = 0; filled < 140 * mi; filled += mi) allowance.grant(one(long));
    allowance.assertNoExcess(one(long));
    allowance.grant(one(long));
    expect(() => allowance.assertNoExcess(one(long))).toThrow("have 141 Mi characters");
    allowance.assertNoExcess(one({ ...long, subject: "b" }));
  });

  test("of one token have half of the characters at most", () => {
    const allowance = createWaitingAllowance();
    const bare = { session: null, labels: {}, requires: {}, subject: "a", content: "x".repeat(mi) };
    for (let filled = 0; filled < maxWaitingLength / 2; filled += mi) allowance.claim(one(bare));
    expect(() => allowance.claim(one(bare))).toThrow("128 Mi characters: it may have no more");
    allowance.claim(one({ ...bare, subject: "b" }));
  });
});
