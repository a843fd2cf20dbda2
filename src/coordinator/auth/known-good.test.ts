import { expect, test } from "bun:test";
import { createKnownGood, maxKnownClients } from "./known-good.ts";

test("only so many clients are remembered, those that came last, not those that came first", () => {
  const good = createKnownGood();
  expect(good.isEmpty()).toBeTrue();
  good.add("first");
  good.add("second");
  for (let at = 0; at < maxKnownClients - 2; at += 1) good.add(`client-${at}`);
  good.add("first");
  good.add("one more");
  expect([good.hasFrom("first"), good.hasFrom("second"), good.hasFrom("one more")]).toEqual([
    true,
    false,
    true,
  ]);
  expect(good.isEmpty()).toBeFalse();
});
