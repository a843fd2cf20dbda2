import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import type { AuditedAct } from "./audit-trail.ts";
import {
  createRefusalCounts,
  maxKnownWindows,
  maxUnknownWindows,
  refusalWindowMs,
} from "./refusal-counts.ts";

function createBench() {
  const clock = createManualClock();
  const noted: AuditedAct[] = [];
  const counts = createRefusalCounts({ trail: { note: (act) => noted.push(act) }, clock });
  return { clock, noted, counts };
}

const refusal = (parts: Partial<AuditedAct> = {}): AuditedAct => ({
  subject: "anonymous",
  address: "10.0.0.7",
  action: "token.create",
  target: "phone",
  result: "TOKEN_MISSING",
  details: {},
  ...parts,
});

describe("refusals", () => {
  test("are noted at once, and their repeats of a minute as one, with how many they were", () => {
    const { clock, noted, counts } = createBench();
    for (let times = 0; times < 1_000; times += 1) counts.note(refusal());
    expect(noted).toEqual([refusal()]);
    clock.advance(refusalWindowMs - 1);
    expect(noted).toHaveLength(1);
    clock.advance(1);
    expect(noted.slice(1)).toEqual([refusal({ details: { count: 999, within_s: 60 } })]);
    counts.note(refusal());
    expect(noted.at(-1)).toEqual(refusal());
  });

  test("that were not repeated are told of once", () => {
    const { clock, noted, counts } = createBench();
    counts.note(refusal());
    clock.advance(refusalWindowMs);
    counts.flush();
    expect(noted).toEqual([refusal()]);
  });

  test("of another subject, address, action or result are others", () => {
    const { noted, counts } = createBench();
    const acts = [
      refusal(),
      refusal({ subject: "token_a" }),
      refusal({ address: "10.0.0.8" }),
      refusal({ action: "token.revoke" }),
      refusal({ result: "TOKEN_INVALID" }),
    ];
    for (const act of acts) counts.note(act);
    expect(noted).toEqual(acts);
  });

  test("of several targets are counted without one", () => {
    const { noted, counts } = createBench();
    for (const target of ["a", "b", "c"]) counts.note(refusal({ target }));
    counts.flush();
    expect(noted).toEqual([
      refusal({ target: "a" }),
      refusal({ target: null, details: { count: 2, within_s: 60 } }),
    ]);
  });

  test("from very many addresses do not fill the audit, nor hide those of a token", () => {
    const { clock, noted, counts } = createBench();
    for (let at = 0; at < 10_000; at += 1) counts.note(refusal({ address: `2001:db8::${at}` }));
    expect(noted).toHaveLength(maxUnknownWindows);
    counts.note(refusal({ subject: "token_a", result: "SCOPE_MISSING" }));
    expect(noted).toHaveLength(maxUnknownWindows + 1);
    clock.advance(refusalWindowMs);
    expect(noted.slice(maxUnknownWindows + 1)).toEqual([
      {
        subject: "coordinator",
        address: null,
        action: "audit.crowded",
        target: null,
        result: "ok",
        details: { count: 10_000 - maxUnknownWindows, within_s: 60 },
      },
    ]);
    // Then there is room again.
    counts.note(refusal());
    expect(noted.at(-1)).toEqual(refusal());
  });

  test("of very many tokens are bounded, too", () => {
    const { noted, counts } = createBench();
    for (let at = 0; at < 1_000; at += 1) counts.note(refusal({ subject: `token_${at}` }));
    expect(noted).toHaveLength(maxKnownWindows);
    counts.flush();
    expect(noted.at(-1)).toMatchObject({
      action: "audit.crowded",
      details: { count: 1_000 - maxKnownWindows },
    });
  });
});
