import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { fromIsoTime, Moment, toIsoTime } from "./iso-time.ts";

const Printed = z.iso.datetime();

describe("a moment that a client names", () => {
  test.each([
    ["2026-11-22T16:00:00Z", true],
    ["2026-11-22T16:00:00.123456+05:30", true],
    ["0000-01-01T00:00:00Z", true],
    ["0000-01-01T00:00:00+12:00", false],
    ["9999-12-31T23:59:59.999Z", true],
    ["9999-12-31T23:59:59-12:00", false],
    ["2027-02-29T00:00:00Z", false],
    ["2027-02-28T24:00:00Z", false],
    ["2026-11-22T16:00:00", false],
    ["tomorrow", false],
  ])("%s is taken: %p", (text, isTaken) => {
    expect(Moment.safeParse(text).success).toBe(isTaken);
    if (isTaken) expect(Printed.safeParse(toIsoTime(fromIsoTime(text))).success).toBeTrue();
  });
});

test("every instant is written in a way that can be read", () => {
  for (const epochMs of [0, -1, 8.64e15, -8.64e15, 253_402_300_800_000, -62_167_219_200_001, Infinity]) {
    expect(Printed.safeParse(toIsoTime(epochMs)).success).toBeTrue();
  }
});
