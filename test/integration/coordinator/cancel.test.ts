import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { adminPrincipal } from "../../../src/coordinator/auth/principal.ts";
import type { MeshEvents } from "../../../src/coordinator/events/mesh-events.ts";
import { createBulkTasks } from "../../../src/coordinator/tasks/bulk-tasks.ts";
import { createTaskAccess, type TaskAccess } from "../../../src/coordinator/tasks/task-access.ts";
import {
  cancelCommitMs,
  createTaskActions,
  type TaskActions,
} from "../../../src/coordinator/tasks/task-actions.ts";
import { createTaskFilters } from "../../../src/coordinator/tasks/task-filter.ts";
import { createTaskPages } from "../../../src/coordinator/tasks/task-pages.ts";
import { createDeadlines } from "../../../src/platform/deadlines.ts";
import { createEventEmitter } from "../../../src/platform/event-emitter.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { silentLog } from "../../../src/platform/log.ts";
import type { TaskId } from "../../../src/protocol/ids.ts";
import { createEngineRig, type EngineRig } from "../../support/engine-rig.ts";

let rig: EngineRig;
let access: TaskAccess;
let actions: TaskActions;
beforeEach(async () => {
  rig = await createEngineRig();
  const { clock, engine } = rig;
  const store = rig.store.tasks;
  access = createTaskAccess({ engine, store, groupsOf: () => [] });
  const events = createEventEmitter<MeshEvents>();
  const deadlines = createDeadlines(clock);
  actions = createTaskActions({ engine, store, access, events, clock, deadlines, ids: systemIds });
});
afterEach(() => rig[Symbol.asyncDispose]());

const addQueued = async () => (await rig.engine.submit(rig.queued())).id;
const cancel = (id: TaskId) => actions.cancel(id, adminPrincipal);

/** Lets the store be tried again and again meanwhile. */
async function outlast(limitMs: number): Promise<void> {
  await rig.settle();
  for (let ms = 0; ms <= limitMs; ms += 250) await rig.elapse(250);
}

/** The outcome of an action, or "open" while there is none. */
function watch(action: Promise<unknown>): () => unknown {
  let outcome: unknown = "open";
  action.then(
    () => {
      outcome = "done";
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return () => outcome;
}

describe("the cancel of a queued task", () => {
  test("is answered when it is on record", async () => {
    const id = await addQueued();
    expect((await cancel(id)).state).toBe("cancelled");
    expect(await rig.stored(id)).toMatchObject({ state: "cancelled" });
  });

  test("waits for a store that cannot commit, and so does a second one", async () => {
    const id = await addQueued();
    rig.setDiskFull(true);
    const both = [cancel(id), cancel(id)];
    const outcomes = both.map(watch);
    await rig.elapse(cancelCommitMs / 2);
    expect(outcomes.map((outcome) => outcome())).toEqual(["open", "open"]);
    rig.setDiskFull(false);
    await rig.elapse(500);
    expect((await Promise.all(both)).map(({ state }) => state)).toEqual(["cancelled", "cancelled"]);
    expect(await rig.stored(id)).toMatchObject({ state: "cancelled" });
  });

  test("is no promise when the store stays away: the task is there after a restart, and can be cancelled then", async () => {
    const id = await addQueued();
    rig.setDiskFull(true);
    const outcome = watch(cancel(id));
    const end = watch(rig.engine.find(id)?.ended.promise ?? Promise.reject());
    await outlast(cancelCommitMs);
    expect(outcome()).toMatchObject({ code: "STORE_UNAVAILABLE" });
    // Nor is anybody told who follows it.
    expect(end()).toBe("open");
    rig.setDiskFull(false);
    await rig.restart();
    const again = rig.engine.find(id);
    expect(again?.task.state).toBe("queued");
    if (again !== null) await rig.engine.cancel(again);
    expect(await rig.stored(id)).toMatchObject({ state: "cancelled" });
  });
});

describe("the cancel of many tasks", () => {
  test("tries no more of them when the store has not taken one in time", async () => {
    const ids: TaskId[] = [];
    for (let index = 0; index < 30; index += 1) ids.push(await addQueued());
    const filters = createTaskFilters({
      registry: rig.registry,
      groups: { list: () => [], of: () => [] },
      subjectNamed: () => null,
    });
    const bulk = createBulkTasks({
      pages: createTaskPages(rig.store.tasks),
      access,
      filters,
      log: silentLog,
    });
    rig.setDiskFull(true);
    const answer = bulk(
      { input: { ids }, principal: adminPrincipal, requestId: "req_1" },
      {
        narrow: (query) => query,
        concerns: () => true,
        apply: async (id) => {
          await cancel(id);
          return {};
        },
      },
    );
    await outlast(cancelCommitMs);
    const { done, failed } = await answer;
    expect(done).toEqual([]);
    expect(failed.map(({ code }) => code)).toEqual(ids.map(() => "STORE_UNAVAILABLE"));
    expect(rig.engine.find(ids.at(-1) as TaskId)?.task.state).toBe("queued");
  });
});
