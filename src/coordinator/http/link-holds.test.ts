import { expect, test } from "bun:test";
import { systemIds } from "../../platform/ids.ts";
import { adminPrincipal, invitePrincipal, nodePrincipal } from "../auth/principal.ts";
import { createLinkHolds, holdMs, maxBreaches } from "./link-holds.ts";

const flooder = nodePrincipal(systemIds.node());
const other = nodePrincipal(systemIds.node());

test("who flooded is held for its time, and is told how long; others and other addresses are free", () => {
  let nowMs = 1_000;
  const holds = createLinkHolds({ monotonicMs: () => nowMs });
  holds.hold(flooder, "192.0.2.1");
  nowMs += 1;
  expect(() => holds.assertFree(flooder, "192.0.2.1")).toThrow(
    expect.objectContaining({ code: "TOO_MANY_REQUESTS", details: { retry_after_s: holdMs / 1_000 } }),
  );
  holds.assertFree(other, "192.0.2.1");
  holds.assertFree(flooder, "192.0.2.2");
  nowMs += holdMs;
  holds.assertFree(flooder, "192.0.2.1");
});

test("another address of the same IPv6 network does not set the flooder free", () => {
  const holds = createLinkHolds({ monotonicMs: () => 1_000 });
  holds.hold(flooder, "2001:db8:1:2::1");
  expect(() => holds.assertFree(flooder, "2001:db8:1:2:ffff::9")).toThrow();
  holds.assertFree(flooder, "2001:db8:1:3::1");
});

test("who flooded with one invite does not keep others at its address from joining with theirs", () => {
  const holds = createLinkHolds({ monotonicMs: () => 1_000 });
  holds.hold(invitePrincipal("one"), "192.0.2.1");
  holds.assertFree(invitePrincipal("other"), "192.0.2.1");
  expect(() => holds.assertFree(invitePrincipal("one"), "192.0.2.1")).toThrow();
});

test("whose links break the protocol again and again is held; once in a while it is borne", () => {
  let nowMs = 1_000;
  const holds = createLinkHolds({ monotonicMs: () => nowMs });
  for (let broken = 0; broken < maxBreaches; broken += 1) holds.countBreach(flooder, "192.0.2.1");
  holds.assertFree(flooder, "192.0.2.1");
  nowMs += 60_000;
  holds.countBreach(flooder, "192.0.2.1");
  holds.assertFree(flooder, "192.0.2.1");
  holds.countBreach(flooder, "192.0.2.1");
  expect(() => holds.assertFree(flooder, "192.0.2.1")).toThrow();
  holds.assertFree(other, "192.0.2.1");
});

test("an admin's token is not held for broken links: many machines may have it", () => {
  const holds = createLinkHolds({ monotonicMs: () => 1_000 });
  for (let broken = 0; broken <= maxBreaches; broken += 1) holds.countBreach(adminPrincipal, "192.0.2.1");
  holds.assertFree(adminPrincipal, "192.0.2.1");
});

test("not more than ten thousand are remembered; the oldest goes", () => {
  const holds = createLinkHolds({ monotonicMs: () => 1_000 });
  const address = (at: number) => `10.0.${at >> 8}.${at & 255}`;
  for (let at = 0; at <= 10_000; at += 1) holds.hold(flooder, address(at));
  holds.assertFree(flooder, address(0));
  expect(() => holds.assertFree(flooder, address(1))).toThrow();
});
