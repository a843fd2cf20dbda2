import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import type { AuditedAct } from "./audit-trail.ts";
import { createRepeatCounts, maxKnownWindows, maxUnknownWindows, repeatWindowMs } from "./repeat-counts.ts";

function createBench(freeActs = 1) {
  const clock = createManualClock();
  const noted: AuditedAct[] = [];
  const counts = createRepeatCounts({ trail: { note: (act) => noted.push(act) }, clock });
  const tell = (act: AuditedAct) => {
    if (counts.admit(act, freeActs)) noted.push(act);
  };
  return { clock, noted, counts, tell };
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

describe("repeated acts", () => {
  test("are written at once, and their repeats of a minute as one, with how many they were", () => {
    const { clock, noted, tell } = createBench();
    for (let times = 0; times < 1_000; times += 1) tell(refusal());
    expect(noted).toEqual([refusal()]);
    clock.advance(repeatWindowMs - 1);
    expect(noted).toHaveLength(1);
    clock.advance(1);
    expect(noted.slice(1)).toEqual([refusal({ details: { count: 999, within_s: 60 } })]);
    tell(refusal());
    expect(noted.at(-1)).toEqual(refusal());
  });

  test("are written one by one as often as they may, then counted", () => {
    const { clock, noted, tell } = createBench(20);
    const act = (at: number) => refusal({ subject: "token_a", result: "ok", target: `task_${at}` });
    for (let at = 0; at < 30; at += 1) tell(act(at));
    expect(noted).toEqual(Array.from({ length: 20 }, (_, at) => act(at)));
    clock.advance(repeatWindowMs);
    expect(noted.slice(20)).toEqual([{ ...act(0), target: null, details: { count: 10, within_s: 60 } }]);
  });

  test("that were not repeated are told of once", () => {
    const { clock, noted, counts, tell } = createBench();
    tell(refusal());
    clock.advance(repeatWindowMs);
    counts.flush();
    expect(noted).toEqual([refusal()]);
  });

  test("of another subject, action or result are others, of nobody known also those of another address", () => {
    const { noted, tell } = createBench();
    const acts = [
      refusal(),
      refusal({ subject: "token_a" }),
      refusal({ address: "10.0.0.8" }),
      refusal({ action: "token.revoke" }),
      refusal({ result: "TOKEN_INVALID" }),
    ];
    for (const act of acts) tell(act);
    expect(noted).toEqual(acts);
  });

  test("of several targets and addresses are counted without them", () => {
    const { noted, counts, tell } = createBench();
    for (const at of [1, 2, 3]) {
      tell(refusal({ subject: "token_a", target: `thing ${at}`, address: `10.0.0.${at}` }));
    }
    counts.flush();
    expect(noted.slice(1)).toEqual([
      refusal({ subject: "token_a", target: null, address: "several", details: { count: 2, within_s: 60 } }),
    ]);
  });

  test("from very many addresses do not fill the audit, nor hide those of a token", () => {
    const { clock, noted, tell } = createBench();
    for (let at = 0; at < 10_000; at += 1) tell(refusal({ address: `2001:db8::${at}` }));
    expect(noted).toHaveLength(maxUnknownWindows);
    tell(refusal({ subject: "token_a", result: "SCOPE_MISSING" }));
    expect(noted).toHaveLength(maxUnknownWindows + 1);
    clock.advance(repeatWindowMs);
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
    tell(refusal());
    expect(noted.at(-1)).toEqual(refusal());
  });

  test("of one token take one window, from however many addresses they come", () => {
    const { noted, tell } = createBench();
    for (let at = 0; at < 10_000; at += 1) tell(refusal({ subject: "token_a", address: `2001:db8::${at}` }));
    tell(refusal({ subject: "token_b" }));
    expect(noted).toHaveLength(2);
  });

  test("of very many tokens are bounded, too", () => {
    const { noted, counts, tell } = createBench();
    for (let at = 0; at < 5_000; at += 1) tell(refusal({ subject: `token_${at}` }));
    expect(noted).toHaveLength(maxKnownWindows);
    counts.flush();
    expect(noted.at(-1)).toMatchObject({
      action: "audit.crowded",
      details: { count: 5_000 - maxKnownWindows },
    });
  });
});
