import { expect, test } from "bun:test";
import { tokenPrincipal } from "../../../src/coordinator/auth/principal.ts";
import type { MeshEvents } from "../../../src/coordinator/events/mesh-events.ts";
import { createTaskAccess } from "../../../src/coordinator/tasks/task-access.ts";
import { createTaskActions } from "../../../src/coordinator/tasks/task-actions.ts";
import { createDeadlines } from "../../../src/platform/deadlines.ts";
import { createEventEmitter } from "../../../src/platform/event-emitter.ts";
import { systemIds } from "../../../src/platform/ids.ts";
import { createEngineRig } from "../../support/engine-rig.ts";
import { toHello } from "../../support/fake-node.ts";

function createCaller() {
  const controller = new AbortController();
  const grant = { id: systemIds.token(), scopes: ["admin"], groups: null, isUntrusted: false } as const;
  return { principal: tokenPrincipal(grant, controller.signal), end: () => controller.abort() };
}

test("a token that becomes void while a machine that joins with it is recorded lets it in no more", async () => {
  await using rig = await createEngineRig();
  const { principal, end } = createCaller();
  const hello = { ...toHello(), name: "late" as ReturnType<typeof toHello>["name"] };
  const outcome = Promise.allSettled([rig.registry.admit(hello, principal)]);
  end();
  expect(await outcome).toMatchObject([{ status: "rejected", reason: { code: "TOKEN_INVALID" } }]);
  expect(rig.registry.find("late")).toBeNull();
});

test.each(["cancel", "retry", "discard"] as const)(
  "a token that becomes void while its task is looked up changes nothing: %s",
  async (action) => {
    await using rig = await createEngineRig();
    const { engine, clock } = rig;
    const { tasks: store } = rig.store;
    const actions = createTaskActions({
      engine,
      store,
      access: createTaskAccess({ engine, store, groupsOf: () => [] }),
      events: createEventEmitter<MeshEvents>(),
      clock,
      deadlines: createDeadlines(clock),
      ids: systemIds,
    });
    const live = await engine.submit(rig.queued());
    const { id } = live;
    if (action !== "cancel") await engine.cancel(live);
    await rig.settle();
    const before = await rig.stored(id);
    const { principal, end } = createCaller();
    const acts = {
      cancel: () => actions.cancel(id, principal),
      retry: () => actions.retry(id, {}, principal),
      discard: () => actions.discard(id, principal),
    } as const;
    const outcome = Promise.allSettled([acts[action]()]);
    end();
    expect(await outcome).toMatchObject([{ status: "rejected", reason: { code: "TOKEN_INVALID" } }]);
    await rig.settle();
    expect(await rig.stored(id)).toEqual(before);
  },
);
