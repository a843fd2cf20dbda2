import { expect, test } from "bun:test";
import { answerTo, indexOfContent, planTask } from "./load-plan.ts";

const load = { seed: 7, safeShare: 0.7 };

test("a task follows from the seed and its number", () => {
  expect(planTask(load, 41)).toEqual(planTask(load, 41));
  expect(planTask(load, 41).content).not.toBe(planTask({ ...load, seed: 8 }, 41).content);
});

test("the load mixes effects, ways of sending, priorities, sources and repeats", () => {
  const tasks = Array.from({ length: 5000 }, (_, index) => planTask(load, index));
  const share = (is: (task: (typeof tasks)[number]) => boolean) => tasks.filter(is).length / tasks.length;
  expect(share(({ effects }) => effects === "safe")).toBeWithin(0.66, 0.74);
  expect(share(({ send }) => send === "queue")).toBeWithin(0.9, 0.96);
  expect(share(({ send }) => send === "stream")).toBeGreaterThan(0.01);
  expect(share(({ isRepeated }) => isRepeated)).toBeWithin(0.004, 0.02);
  expect(new Set(tasks.map(({ priority }) => priority)).size).toBe(10);
  expect(new Set(tasks.map(({ source }) => source)).size).toBeGreaterThan(4);
  expect(new Set(tasks.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(5000);
});

test("a content, or its beginning, tells the number of its task, and only in its own run", () => {
  const { content } = planTask(load, 12_345);
  expect(indexOfContent(content.slice(0, 30), 7)).toBe(12_345);
  expect(indexOfContent(content, 8)).toBeNull();
  expect(indexOfContent("hello", 7)).toBeNull();
});

test("every content has an answer of its own", () => {
  const answers = Array.from({ length: 100 }, (_, index) => answerTo(planTask(load, index).content));
  expect(new Set(answers).size).toBe(100);
});
