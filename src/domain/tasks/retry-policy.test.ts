import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Effects, RetryCause } from "../../protocol/message.ts";
import {
  defaultRetryPolicy,
  graceMs,
  isRetryable,
  mayMove,
  mayRunAgain,
  retryDelayMs,
  safeGraceMs,
  toRetryPolicy,
  unsafeGraceMs,
} from "./retry-policy.ts";
import { offered, queued, run } from "./task-fixture.ts";

test("retries wait longer each time, never more than thirty seconds, with jitter over the upper half", () => {
  expect([1, 2, 3, 4].map((failed) => retryDelayMs(defaultRetryPolicy, failed, 0))).toEqual([
    250, 500, 1000, 2000,
  ]);
  expect(retryDelayMs(defaultRetryPolicy, 1, 0.999)).toBeLessThanOrEqual(500);
  expect(retryDelayMs(defaultRetryPolicy, 50, 0.999)).toBeLessThanOrEqual(30_000);
});

describe("the pause before a retry, whatever the policy", () => {
  const pauses = fc
    .record({ baseDelayMs: fc.integer({ min: 50, max: 3_600_000 }), more: fc.nat(86_400_000) })
    .map(({ baseDelayMs, more }) => ({ baseDelayMs, maxDelayMs: baseDelayMs + more }));
  const tries = fc.integer({ min: 1, max: 2000 });
  const random = fc.double({ min: 0, max: 0.999_999, noNaN: true });

  test("grows with every failed attempt", () => {
    fc.assert(
      fc.property(pauses, tries, random, (policy, failed, draw) => {
        expect(retryDelayMs(policy, failed + 1, draw)).toBeGreaterThanOrEqual(
          retryDelayMs(policy, failed, draw),
        );
      }),
    );
  });

  test("lies in the upper half of what it may be, and never above the longest", () => {
    fc.assert(
      fc.property(pauses, tries, random, (policy, failed, draw) => {
        const longest = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (failed - 1));
        const delayMs = retryDelayMs(policy, failed, draw);
        expect(delayMs).toBeGreaterThanOrEqual(Math.floor(longest / 2));
        expect(delayMs).toBeLessThanOrEqual(longest);
        expect(delayMs).toBeLessThanOrEqual(policy.maxDelayMs);
      }),
    );
  });

  test("never gets shorter when a longer one is allowed", () => {
    fc.assert(
      fc.property(pauses, tries, random, fc.nat(1_000_000), (policy, failed, draw, more) => {
        const longer = { ...policy, maxDelayMs: policy.maxDelayMs + more };
        expect(retryDelayMs(longer, failed, draw)).toBeGreaterThanOrEqual(retryDelayMs(policy, failed, draw));
      }),
    );
  });
});

describe("a policy made of what the sender gave", () => {
  test("is the default one where nothing was given", () => {
    expect(toRetryPolicy(undefined)).toEqual(defaultRetryPolicy);
    expect(toRetryPolicy({})).toEqual(defaultRetryPolicy);
    expect([...defaultRetryPolicy.on].sort()).toEqual(["internal", "lost_after_start", "overloaded"]);
    expect(defaultRetryPolicy.maxAttempts).toBe(3);
  });

  test("keeps a longest pause that is shorter than the default first one", () => {
    expect(toRetryPolicy({ max_delay_s: 0.1 })).toMatchObject({ baseDelayMs: 100, maxDelayMs: 100 });
  });

  test("raises the longest pause to a first one that is longer", () => {
    expect(toRetryPolicy({ base_delay_s: 60 })).toMatchObject({ baseDelayMs: 60_000, maxDelayMs: 60_000 });
    expect(toRetryPolicy({ base_delay_s: 9, max_delay_s: 3 })).toMatchObject({ maxDelayMs: 9000 });
  });
});

test("only a safe message whose policy allows it may follow a lost run, and only that one is not waited for long", () => {
  const without = toRetryPolicy({ on: ["internal"] });
  const expected = new Map([
    [{ effects: "safe", retry: defaultRetryPolicy } as const, true],
    [{ effects: "safe", retry: without } as const, false],
    [{ effects: "unsafe", retry: defaultRetryPolicy } as const, false],
  ]);
  for (const [message, isAllowed] of expected) {
    expect(mayRunAgain(message)).toBe(isAllowed);
    const task = run(queued(message), offered).task;
    expect(mayMove(task)).toBe(isAllowed);
    expect(graceMs(task)).toBe(isAllowed ? safeGraceMs : unsafeGraceMs);
  }
});

test("a safe message on its last try is waited for as long as an unsafe one", () => {
  const retry = { ...defaultRetryPolicy, maxAttempts: 2 };
  const first = run(queued({ effects: "safe", retry }), offered).task;
  expect(graceMs(first)).toBe(safeGraceMs);
  const last = run(first, { kind: "grace_ended", attempt: 1 }, offered).task;
  expect(mayMove(last)).toBe(false);
  expect(graceMs(last)).toBe(unsafeGraceMs);
});

test("a failure is tried again only when the policy names its kind and nothing can be harmed", () => {
  const kinds = fc.constantFrom("auth", "quota", "overloaded", "bad_request", "internal");
  const policies = fc.subarray(RetryCause.options).map((on) => toRetryPolicy({ on }));
  const effects = fc.constantFrom(...Effects.options);
  fc.assert(
    fc.property(kinds, policies, effects, fc.boolean(), (kind, policy, effect, isNothingDone) => {
      const failure = { class: "runtime_error", kind, message: "", nothing_done: isNothingDone } as const;
      const isNamed = kind !== "bad_request" && policy.on.has(kind);
      expect(isRetryable(failure, effect, policy)).toBe(isNamed && (effect === "safe" || isNothingDone));
    }),
  );
});
