import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import type { TaskId } from "../../protocol/ids.ts";
import { anonymous } from "../auth/principal.ts";
import { toTaskInfo } from "./task-info.ts";
import {
  timesProblem,
  toQueuedMessage,
  toRetryMessage,
  toSender,
  toSynchronousMessage,
} from "./task-message.ts";

const nowMs = Date.UTC(2026, 10, 22, 16, 0, 0);
const made = { id: "task_1" as TaskId, nowMs };
const hourMs = 3600 * 1000;
const yearMs = 366 * 24 * hourMs;
const from = (key: string | null, bodyText = "{}") => ({
  sender: { subject: "me", groups: null, isUntrusted: false, address: null },
  headers: new Headers(key === null ? {} : { "idempotency-key": key }),
  bodyText,
});
const input = { content: "x", source: "api" };

describe("the times of a queued message", () => {
  test.each<[string, number | null, number | null, boolean]>([
    ["none", null, null, true],
    ["a beginning that has passed", nowMs - hourMs, null, true],
    ["a beginning in a year", nowMs + yearMs, null, true],
    ["a beginning in more than a year", nowMs + yearMs + 1, null, false],
    ["a beginning a year ago", nowMs - yearMs, null, true],
    ["a beginning more than a year ago", nowMs - yearMs - 1, null, false],
    ["an end in ten years", null, nowMs + 10 * yearMs, true],
    ["an end in more than ten years", null, nowMs + 10 * yearMs + 1, false],
    ["an end to come", null, nowMs + 1, true],
    ["an end now", null, nowMs, false],
    ["an end before the beginning", nowMs + hourMs, nowMs + hourMs - 1, false],
    ["an end at the beginning", nowMs + hourMs, nowMs + hourMs, false],
    ["an end after the beginning", nowMs + hourMs, nowMs + hourMs + 1, true],
  ])("%s", (_what, notBeforeMs, expiresAtMs, isFine) => {
    expect(timesProblem({ notBeforeMs, expiresAtMs }, nowMs) === null).toBe(isFine);
  });

  test("are read with their zone", () => {
    const message = toQueuedMessage({ ...input, not_before: "2026-11-22T18:00:00+01:00" }, from(null), made);
    expect(message.notBeforeMs).toBe(nowMs + hourMs);
  });
});

describe("the hash of a submission", () => {
  test("tells other bodies, targets and routes apart, and is missing without a key", () => {
    const hashes = [
      toSynchronousMessage({ ...input, target: null }, from("k"), made),
      toSynchronousMessage({ ...input, target: null }, from("k", '{"a":1}'), made),
      toSynchronousMessage({ ...input, target: "mac" }, from("k"), made),
      toQueuedMessage(input, from("k"), made),
      toQueuedMessage(input, from("k", '{"a":1}'), made),
    ].map(({ bodyHash }) => bodyHash);
    expect(new Set(hashes).size).toBe(5);
    expect(toQueuedMessage(input, from(null), made)).toMatchObject({ bodyHash: null, idempotencyKey: null });
  });
});

describe("a message that runs again", () => {
  const original = toQueuedMessage(
    { ...input, target: "mac", session: "s", labels: { a: "1" }, expires_at: "2026-11-22T17:00:00Z" },
    from("k"),
    made,
  );
  const again = { id: "task_2" as TaskId, nowMs: nowMs + hourMs };
  const by = { groups: null, isUntrusted: false };

  test("keeps who sent it and what was not edited, but neither its times nor its key", () => {
    expect(toRetryMessage(original, { edit: {}, by }, again)).toEqual({
      ...original,
      id: again.id,
      createdAtMs: again.nowMs,
      notBeforeMs: null,
      expiresAtMs: null,
      retryOf: original.id,
      idempotencyKey: null,
      bodyHash: null,
    });
  });

  test("loses what is edited away", () => {
    const edited = toRetryMessage(original, { edit: { target: null, session: null, labels: {} }, by }, again);
    expect(edited).toMatchObject({ target: null, session: null, labels: {} });
  });
});

describe("where a message came from", () => {
  const sender = (address: string | null) => toSender({ ...anonymous, subject: "me" }, address);

  test.each(["127.0.0.1", "127.8.0.9", "::1", "::ffff:127.0.0.1"])(
    "is nothing on this machine: %s",
    (address) => {
      expect(sender(address).address).toBeNull();
    },
  );

  test.each(["192.0.2.7", "2001:db8::7", "unknown"])("is on record: %s", (address) => {
    const message = toQueuedMessage(input, { ...from(null), sender: sender(address) }, made);
    expect(message.address).toBe(address);
    const again = toRetryMessage(message, { edit: {}, by: { groups: null, isUntrusted: false } }, made);
    expect(again).toMatchObject({ subject: "me", address });
  });

  test("is shown only to who may see all tasks", () => {
    const task = createSampleTask({}, { address: "192.0.2.7" });
    const shown = [true, false].map((seesAll) => toTaskInfo(task, { nowMs, seesAll }).from_address);
    expect(shown).toEqual(["192.0.2.7", null]);
  });
});

describe("the label and the limit of a message", () => {
  const submit = (parts: object, labelled?: true) =>
    toQueuedMessage(
      { ...input, ...(labelled === undefined ? {} : { untrusted: labelled }) },
      { ...from(null), sender: toSender({ ...anonymous, subject: "me", ...parts }, null) },
      made,
    );

  test("come from the token, and the label also from the message", () => {
    expect(submit({})).toMatchObject({ isUntrusted: false, allowedGroups: null });
    expect(submit({}, true).isUntrusted).toBe(true);
    expect(submit({ isUntrusted: true, groups: ["a"] })).toMatchObject({
      isUntrusted: true,
      allowedGroups: ["a"],
    });
  });

  test.each<[readonly string[] | null, readonly string[] | null, readonly string[] | null]>([
    [null, null, null],
    [["a", "b"], null, ["a", "b"]],
    [null, ["a"], ["a"]],
    [["a", "B"], ["b", "c"], ["B"]],
    [["a"], ["b"], []],
  ])("of %p and whoever runs it again with %p is %p", (groups, byGroups, expected) => {
    const again = toRetryMessage(
      submit({ groups }),
      { edit: {}, by: { groups: byGroups, isUntrusted: false } },
      made,
    );
    expect(again.allowedGroups).toEqual(expected);
  });

  test("is kept by a retry, and given by one", () => {
    for (const [before, by] of [
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const edit = { content: "edited", labels: {} };
      const again = toRetryMessage(
        submit({ isUntrusted: before }),
        { edit, by: { groups: null, isUntrusted: by } },
        made,
      );
      expect(again).toMatchObject({ content: "edited", isUntrusted: true });
    }
  });
});
