import { describe, expect, test } from "bun:test";
import { readCloseReason, toCloseReason } from "./close-reason.ts";

describe("the reason of a close", () => {
  test("is cut to what a close frame holds, between characters", () => {
    const long = `NAME_TAKEN: ${"鹭".repeat(60)}`;
    const cut = toCloseReason(long);
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123);
    expect(long.startsWith(cut)).toBe(true);
    expect(cut.length).toBeGreaterThan(40);
    expect(toCloseReason("short")).toBe("short");
  });

  test.each([
    ["NAME_TAKEN", "NAME_TAKEN", ""],
    ["NAME_TAKEN: Another node is called so: heron", "NAME_TAKEN", "Another node is called so: heron"],
    ["a newer link took over", null, "a newer link took over"],
    ["", null, ""],
  ] as const)("is read: %s", (reason, code, message) => {
    expect(readCloseReason(reason)).toEqual({ code, message });
  });
});
