import { describe, expect, test } from "bun:test";
import { createSessionHistory, defaultHistoryLimits } from "./session-history.ts";

const withLimits = (limits: Partial<typeof defaultHistoryLimits>) =>
  createSessionHistory({ ...defaultHistoryLimits, ...limits });

describe("the history of sessions", () => {
  test("gives back questions and answers in their order, per session", () => {
    const history = withLimits({});
    history.append("a", "q1", "a1");
    history.append("b", "other", "other");
    history.append("a", "q2", "a2");
    expect(history.messagesOf("a")).toEqual([
      { role: "user", content: "q1" },
      { role: "assistant", content: "a1" },
      { role: "user", content: "q2" },
      { role: "assistant", content: "a2" },
    ]);
    expect(history.messagesOf("unknown")).toEqual([]);
  });

  const questionsOf = (history: ReturnType<typeof withLimits>, key: string) =>
    history.messagesOf(key).flatMap(({ role, content }) => (role === "user" ? [content] : []));

  test("forgets the oldest turns beyond the number", () => {
    const history = withLimits({ maxTurns: 2 });
    for (const question of ["1", "2", "3"]) history.append("a", question, "");
    expect(questionsOf(history, "a")).toEqual(["2", "3"]);
  });

  test("forgets the oldest turns beyond the bytes of a session, counted in UTF-8", () => {
    const history = withLimits({ maxSessionBytes: 6 });
    history.append("a", "鹭", "");
    history.append("a", "鸶", "");
    history.append("a", "!", "");
    expect(questionsOf(history, "a")).toEqual(["鸶", "!"]);
  });

  test("does not keep a turn that is too long by itself, and keeps the others", () => {
    const history = withLimits({ maxSessionBytes: 6 });
    history.append("a", "short", "");
    history.append("a", "much too long", "");
    expect(questionsOf(history, "a")).toEqual(["short"]);
  });

  test("forgets the sessions used longest ago beyond their number", () => {
    const history = withLimits({ maxSessions: 2 });
    history.append("a", "1", "");
    history.append("b", "1", "");
    history.append("a", "2", "");
    history.append("c", "1", "");
    expect(["a", "b", "c"].map((key) => questionsOf(history, key).length)).toEqual([2, 0, 1]);
  });

  test("forgets the sessions used longest ago beyond the bytes of all", () => {
    const history = withLimits({ maxBytes: 10 });
    history.append("a", "12345", "");
    history.append("b", "12345", "");
    history.append("c", "12345", "");
    expect(["a", "b", "c"].map((key) => questionsOf(history, key).length)).toEqual([0, 1, 1]);
  });

  test("keeps nothing when it is switched off", () => {
    const history = withLimits({ maxTurns: 0 });
    history.append("a", "1", "2");
    expect(history.messagesOf("a")).toEqual([]);
  });
});
