import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createSharedSync, failedPauseMs } from "./shared-sync.ts";

/** Flushes that end when the test says so. */
function createHeldFlushes() {
  const held: PromiseWithResolvers<void>[] = [];
  return {
    held,
    flush: () => {
      const flush = Promise.withResolvers<void>();
      held.push(flush);
      return flush.promise;
    },
  };
}

const settleMicrotasks = () => new Promise((resolve) => setImmediate(resolve));

describe("the shared sync", () => {
  test("lets callers who came before the flush began share it, and those who came later share the next", async () => {
    const clock = createManualClock();
    const { held, flush } = createHeldFlushes();
    const shared = createSharedSync({ flush, clock, intervalMs: 20 });
    const done: string[] = [];
    const note = (name: string) => shared.sync().then(() => done.push(name));

    const early = [note("a"), note("b")];
    clock.advance(0);
    const late = [note("c"), note("d")];
    clock.advance(100);
    expect(held).toHaveLength(1);

    held[0]?.resolve();
    await Promise.all(early);
    await settleMicrotasks();
    expect(done).toEqual(["a", "b"]);
    clock.advance(20);
    expect(held).toHaveLength(2);
    held[1]?.resolve();
    await Promise.all(late);
    expect(done).toEqual(["a", "b", "c", "d"]);
  });

  test("begins at once after a pause, and at most once per interval", async () => {
    const clock = createManualClock();
    let flushes = 0;
    const flush = async () => {
      flushes += 1;
    };
    const shared = createSharedSync({ flush, clock, intervalMs: 20 });
    const first = shared.sync();
    clock.advance(0);
    await first;
    await settleMicrotasks();

    const second = shared.sync();
    clock.advance(19);
    expect(flushes).toBe(1);
    clock.advance(1);
    await second;
    expect(flushes).toBe(2);

    await settleMicrotasks();
    clock.advance(500);
    const third = shared.sync();
    clock.advance(0);
    await third;
    expect(flushes).toBe(3);
  });

  test("begins at once for those in a hurry, and when the flush on its way has ended", async () => {
    const clock = createManualClock();
    const { held, flush } = createHeldFlushes();
    const shared = createSharedSync({ flush, clock, intervalMs: 20 });
    const done: string[] = [];
    const first = shared.syncNow();
    expect(held).toHaveLength(1);
    // Those who have time ride along.
    const riders = [shared.sync(), shared.syncNow(), shared.syncNow()];
    for (const [index, rider] of riders.entries()) void rider.then(() => done.push(`rider ${index}`));
    expect(held).toHaveLength(1);
    held[0]?.resolve();
    await first;
    await settleMicrotasks();
    expect(held).toHaveLength(2);
    expect(done).toEqual([]);
    held[1]?.resolve();
    await Promise.all(riders);
    await settleMicrotasks();
    expect(held).toHaveLength(2);
    expect(clock.timerCount()).toBe(0);
  });

  test("rejects those who share a flush that failed and those who wait, refuses for a while, then tries afresh", async () => {
    const clock = createManualClock();
    const { held, flush } = createHeldFlushes();
    const shared = createSharedSync({ flush, clock, intervalMs: 20 });
    const callers = [shared.sync(), shared.sync()];
    clock.advance(0);
    callers.push(shared.sync(), shared.syncNow());
    expect(shared.hasFailed()).toBe(false);
    held[0]?.reject(Object.assign(new Error("no"), { code: "EIO" }));
    for (const caller of await Promise.allSettled(callers)) {
      expect(caller).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    }
    expect(shared.hasFailed()).toBe(true);
    await settleMicrotasks();
    clock.advance(failedPauseMs - 1);
    await expect(shared.syncNow()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(held).toHaveLength(1);
    clock.advance(1);
    const next = shared.syncNow();
    held[1]?.resolve();
    await next;
    expect(shared.hasFailed()).toBe(false);
  });

  test("serves those who wait when it is closed, and refuses who comes later", async () => {
    const clock = createManualClock();
    const { held, flush } = createHeldFlushes();
    const shared = createSharedSync({ flush, clock, intervalMs: 20 });
    const running = shared.sync();
    clock.advance(0);
    const waiting = shared.sync();
    const closed = shared.close();
    await expect(shared.sync()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    held[0]?.resolve();
    await running;
    await settleMicrotasks();
    held[1]?.resolve();
    await waiting;
    await closed;
    expect(clock.timerCount()).toBe(0);
  });
});
