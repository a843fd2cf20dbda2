import { describe, expect, test } from "bun:test";
import { ChatHistory } from "./gateway-schemas.ts";
import { matchRunInHistory } from "./run-in-history.ts";

const ours = { role: "user", content: "do it", idempotencyKey: "key:user", __openclaw: { seq: 1 } };
const earlier = [
  { role: "user", content: "before", idempotencyKey: "other:user" },
  { role: "assistant", content: [{ type: "text", text: "an older answer" }], stopReason: "stop" },
];
const later = { role: "user", content: "next", idempotencyKey: "later:user" };
const recovery = {
  role: "user",
  content: "[System] Your previous turn was interrupted",
  idempotencyKey: "recovery-1:user",
  provenance: { kind: "internal_system", sourceTool: "main_session_restart_recovery" },
};
const said = (text: string, stopReason = "stop") => ({
  role: "assistant",
  content: [{ type: "text", text }],
  stopReason,
  __openclaw: { id: "m1", runId: "key" },
});
const row = (kind: string) => ({ role: "system", content: "", __openclaw: { kind } });
const omittedMessage = {
  role: "user",
  content: [{ type: "text", text: "[chat.history omitted: message too large]" }],
  __openclaw: { id: "m7", truncated: true, reason: "oversized" },
};
const done = { status: "done", abortedLastRun: false, hasActiveRun: false };
const running = { status: "running", hasActiveRun: true };
const crashed = { status: "running", abortedLastRun: true, hasActiveRun: false };

const limit = 10;
/** The whole history of a session. */
const match = (messages: readonly unknown[], sessionInfo: unknown = done, items: readonly unknown[] = []) =>
  matchHistory({ messages, sessionInfo, pendingInputs: { items, total: items.length }, hasMore: false });
const matchHistory = (history: unknown) => matchRunInHistory(ChatHistory.parse(history), "key", limit);

describe("a run in the history of its session", () => {
  test("is absent when no message carries its mark", () => {
    expect(match([])).toEqual({ kind: "absent" });
    expect(match(earlier)).toEqual({ kind: "absent" });
  });

  test("is absent when no session is there", () => {
    expect(matchHistory({ messages: [] })).toEqual({ kind: "absent" });
  });

  test.each([
    ["as many messages came as were asked for", { messages: Array(limit).fill(later), hasMore: false }],
    ["the gateway has more", { messages: earlier, hasMore: true }],
    ["the gateway has more, and showed none", { messages: [], hasMore: true }],
    ["the gateway does not say whether it has more", { messages: earlier }],
    ["the session was compacted", { messages: [row("compaction"), ...earlier], hasMore: false }],
    ["the session was reset", { messages: [row("reset"), ...earlier], hasMore: false }],
    ["a message is too large to be shown", { messages: [...earlier, omittedMessage], hasMore: false }],
    [
      "more messages wait than are shown",
      {
        messages: earlier,
        hasMore: false,
        pendingInputs: { items: [{ runId: "another", state: "queued" }], total: 2 },
      },
    ],
  ])("is unknown, not absent, when %s", (_, history) => {
    expect(matchHistory(history)).toEqual({ kind: "unknown", isAtWork: false });
    expect(matchHistory({ ...history, sessionInfo: running })).toEqual({ kind: "unknown", isAtWork: true });
    expect(matchHistory({ ...history, sessionInfo: { activeRunIds: ["key"] } })).toEqual({ kind: "open" });
  });

  test("is found in a full window that shows its mark, or the mark of what was too large", () => {
    const full = [...Array(limit - 2).fill(later), ours, said("found")];
    expect(matchHistory({ messages: full, hasMore: true })).toMatchObject({
      kind: "answered",
      text: "found",
    });
    const marked = { ...omittedMessage, __openclaw: { truncated: true, idempotencyKey: "key:user" } };
    expect(match([...earlier, marked, said("found")])).toMatchObject({ kind: "answered", text: "found" });
  });

  test.each([
    ["queued", false],
    ["interrupted", true],
  ])("is pending while its message is %s", (state, isInterrupted) => {
    expect(match(earlier, done, [{ runId: "key", state }])).toEqual({ kind: "pending", isInterrupted });
    expect(match(earlier, done, [{ runId: "another", state }])).toEqual({ kind: "absent" });
  });

  test("is answered by what the agent said last", () => {
    expect(
      match([...earlier, ours, said("looking", "toolUse"), { role: "toolResult" }, said("found")]),
    ).toEqual({
      kind: "answered",
      text: "found",
      messageId: "m1",
      isTruncated: false,
    });
  });

  test("stays answered when others go on in the same conversation", () => {
    expect(match([ours, said("found"), later], running)).toMatchObject({ kind: "answered", text: "found" });
  });

  test("does not take an answer to somebody else, before or after", () => {
    expect(match([...earlier, ours], crashed)).toEqual({ kind: "open" });
    expect(match([ours, later, said("not for us")])).toEqual({ kind: "dropped" });
  });

  test.each(["aborted", "error", "toolUse"])(
    "does not take a piece that ended with %s for an answer",
    (stop) => {
      expect(match([ours, said("half", stop)], crashed)).toEqual({ kind: "open" });
      expect(match([ours, said("half", stop)])).toEqual({ kind: "dropped" });
    },
  );

  test("is open while it runs, also when it has already said something", () => {
    expect(match([ours], running)).toEqual({ kind: "open" });
    expect(match([ours, said("first part")], running)).toEqual({ kind: "open" });
  });

  test("is recovering under the newest id that the gateway gave it", () => {
    const again = { ...recovery, idempotencyKey: "recovery-2:user" };
    expect(match([ours, said("half", "aborted"), recovery], running)).toEqual({
      kind: "recovering",
      runId: "recovery-1",
    });
    expect(match([ours, recovery, again], running)).toEqual({ kind: "recovering", runId: "recovery-2" });
  });

  test("is answered by its recovery, and not by what came before it", () => {
    expect(match([ours, said("half", "aborted"), recovery, said("whole")])).toMatchObject({
      kind: "answered",
      text: "whole",
    });
    expect(match([ours, said("half"), recovery])).toEqual({ kind: "recovering", runId: "recovery-1" });
  });

  test("says when its answer has to be read in full", () => {
    const omitted = {
      role: "assistant",
      content: [{ type: "text", text: "[chat.history omitted: message too large]" }],
      __openclaw: { id: "m9", truncated: true, reason: "oversized" },
    };
    expect(match([ours, omitted])).toMatchObject({ kind: "answered", messageId: "m9", isTruncated: true });
  });
});
