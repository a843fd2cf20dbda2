import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { systemIds } from "../../platform/ids.ts";
import type { Instance } from "../../protocol/ids.ts";
import { createInviteRepeats, maxRepeats, repeatLimitMs } from "./invite-repeats.ts";

const use = (inviteHash: string, place = "a") => ({ inviteHash, place: place as Instance });
const nodeId = systemIds.node();

function setUp() {
  const clock = createManualClock();
  return { clock, repeats: createInviteRepeats({ clock, ids: systemIds }) };
}

test("the same registration again is the same use of the invite, and of the same node", () => {
  const { repeats } = setUp();
  const first = repeats.redeemAs(use("h"));
  repeats.letIn(use("h"), nodeId);
  expect(repeats.redeemAs(use("h"))).toBe(first);
  expect(repeats.nodeOf(use("h"))).toBe(nodeId);
});

test("another place or another invite is another use", () => {
  const { repeats } = setUp();
  const first = repeats.redeemAs(use("h"));
  repeats.letIn(use("h"), nodeId);
  for (const other of [use("h", "b"), use("g")]) {
    expect(repeats.nodeOf(other)).toBeNull();
    expect(repeats.redeemAs(other)).not.toBe(first);
  }
});

test.each(["the node has shown its token", "a minute"])("is no repeat any more after %s", (after) => {
  const { clock, repeats } = setUp();
  const first = repeats.redeemAs(use("h"));
  repeats.letIn(use("h"), nodeId);
  if (after === "a minute") clock.advance(repeatLimitMs);
  else repeats.end(nodeId);
  expect(repeats.nodeOf(use("h"))).toBeNull();
  expect(repeats.redeemAs(use("h"))).not.toBe(first);
});

test("of very many registrations the oldest is forgotten", () => {
  const { repeats } = setUp();
  const first = repeats.redeemAs(use("0"));
  for (let at = 1; at < maxRepeats; at += 1) repeats.redeemAs(use(String(at)));
  expect(repeats.redeemAs(use("0"))).toBe(first);
  repeats.redeemAs(use("one more"));
  expect(repeats.redeemAs(use("0"))).not.toBe(first);
});
