import { beforeEach, expect, test } from "bun:test";
import { readyRuntime, toHello } from "../../../test/support/fake-node.ts";
import { systemClock } from "../../platform/clock.ts";
import { createEventEmitter } from "../../platform/event-emitter.ts";
import { systemIds } from "../../platform/ids.ts";
import { silentLog } from "../../platform/log.ts";
import type { NodeRecord } from "../../store/nodes.ts";
import { adminPrincipal, nodePrincipal } from "../auth/principal.ts";
import type { MeshEvents } from "../events/mesh-events.ts";
import type { MeshNode } from "./mesh-node.ts";
import { keepSeenEveryMs } from "./record-keeping.ts";
import { createNodeRegistry, type NodeRegistry } from "./registry.ts";

/** A disk whose writes end when the test says so, in the order they came. */
function createHeldStore() {
  const waiting: PromiseWithResolvers<void>[] = [];
  const stored: NodeRecord[] = [];
  let isHeld = false;
  return {
    stored,
    hold: () => {
      isHeld = true;
    },
    /** Ends all writes that wait, and those that follow on them. */
    release: async () => {
      isHeld = false;
      for (const write of waiting.splice(0)) write.resolve();
      await Bun.sleep(0);
    },
    failNext: async () => {
      await Bun.sleep(0);
      waiting.shift()?.reject(new Error("disk full"));
    },
    list: async () => [],
    save: async (record: NodeRecord) => {
      if (isHeld) {
        const write = Promise.withResolvers<void>();
        waiting.push(write);
        await write.promise;
      }
      stored.push(record);
    },
  };
}

const hello = { ...toHello(), runtimes: [readyRuntime] };
const moreMemory = { ...hello.capabilities, memory_gb: 512 };
let store: ReturnType<typeof createHeldStore>;
let registry: NodeRegistry;
let node: MeshNode;

beforeEach(async () => {
  store = createHeldStore();
  const events = createEventEmitter<MeshEvents>();
  const isGroupName = () => false;
  registry = await createNodeRegistry({
    store,
    clock: systemClock,
    ids: systemIds,
    events,
    isGroupName,
    log: silentLog,
  });
  node = (await registry.admit(hello, adminPrincipal)).node;
  store.hold();
});

test("a node that tells its capabilities while it is cordoned stays cordoned", async () => {
  const changes = [
    registry.patch(node, { scheduling: "cordoned" }),
    registry.setCapabilities(node, moreMemory),
  ];
  await store.release();
  await Promise.all(changes);
  expect(node.record).toMatchObject({ scheduling: "cordoned", capabilities: { memory_gb: 512 } });
  expect(store.stored.at(-1)).toEqual(node.record);
});

test("a node that tells its capabilities while it is removed stays out, and its token void", async () => {
  const { tokenHash } = node.record;
  const changes = [registry.hide(node, true), registry.setCapabilities(node, moreMemory)];
  await store.release();
  await Promise.all(changes);
  expect(registry.find(node.id)).toBeNull();
  expect(registry.findByTokenHash(tokenHash)).toBeNull();
  expect(store.stored.at(-1)).toMatchObject({ isRemoved: true });
});

test("a node that dials while it is removed is not let in", async () => {
  const removing = registry.hide(node, true);
  const dialing = Promise.allSettled([registry.admit(hello, nodePrincipal(node.id))]);
  await store.release();
  await removing;
  expect(await dialing).toMatchObject([{ status: "rejected", reason: { code: "TOKEN_INVALID" } }]);
  expect(registry.find(node.id)).toBeNull();
});

test("a goodbye does not undo a removal", async () => {
  const changes = [registry.hide(node, true), registry.hide(node, false)];
  await store.release();
  await Promise.all(changes);
  expect(store.stored.at(-1)).toMatchObject({ isRemoved: true });
});

test("a change that could not be stored leaves no trace, and the next one goes on", async () => {
  const changes = Promise.allSettled([
    registry.patch(node, { scheduling: "cordoned" }),
    registry.patch(node, { weight: 7 }),
  ]);
  await store.failNext();
  await store.release();
  expect((await changes).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(node.record).toMatchObject({ scheduling: "active", weight: 7 });
});

/** Of the clock that does not jump, when {@link nextRegistry} starts. */
const startedAtMs = 5_000;

/** A coordinator that starts at this time and knows the node from before. */
async function nextRegistry(
  nowMs: number,
): Promise<{ registry: NodeRegistry; stored: readonly NodeRecord[] }> {
  const disk = createHeldStore();
  const next = await createNodeRegistry({
    store: { ...disk, list: async () => [node.record] },
    clock: { ...systemClock, nowMs: () => nowMs, monotonicMs: () => startedAtMs },
    ids: systemIds,
    events: createEventEmitter<MeshEvents>(),
    isGroupName: () => false,
    log: silentLog,
  });
  return { registry: next, stored: disk.stored };
}

test("the time a node may be away for begins anew with the coordinator, but it is away since it was last seen", async () => {
  const { lastSeenAtMs } = node.record;
  const anHourLaterMs = lastSeenAtMs + 3_600_000;
  const { registry: next } = await nextRegistry(anHourLaterMs);
  const known = next.find(node.id);
  expect(known).toMatchObject({ offlineSinceMs: lastSeenAtMs, missedSinceMs: startedAtMs });
});

test("that a linked node is there is stored now and then, for who starts after a crash, and derives nothing anew", async () => {
  const laterMs = node.record.lastSeenAtMs + keepSeenEveryMs;
  const { registry: next, stored } = await nextRegistry(laterMs);
  const known = next.find(node.id);
  if (known === null) throw new Error("the node is not known");
  known.isReady = true;
  known.setRuntimes([readyRuntime]);
  const revision = next.revision();
  for (let beat = 0; beat < 3; beat += 1) next.setSeen(known, { slots: 1, runtimes: [readyRuntime] });
  await Bun.sleep(0);
  expect(stored.map(({ lastSeenAtMs }) => lastSeenAtMs)).toEqual([laterMs]);
  expect(next.revision()).toBe(revision);
});

test("when a node was last seen is stored when its link closes", async () => {
  const laterMs = node.record.lastSeenAtMs + 1000;
  const { registry: next, stored } = await nextRegistry(laterMs);
  const known = next.find(node.id);
  if (known === null) throw new Error("the node is not known");
  next.setOffline(known, "closed");
  await next.patch(known, {});
  expect(stored.at(-1)?.lastSeenAtMs).toBe(laterMs);
});
