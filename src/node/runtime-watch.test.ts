import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createScriptedRuntime } from "../../test/support/scripted-runtime.ts";
import type { RuntimeKind } from "../protocol/capability.ts";
import type { Supervision } from "../protocol/node.ts";
import type { Runtime, RuntimeProbe } from "../runtimes/runtime.ts";
import { createRuntimeWatch, type RuntimeWatchDeps } from "./runtime-watch.ts";

interface Answer {
  readonly ready?: boolean;
  readonly slots?: number | null;
  readonly reason?: string;
}

/** A runtime whose answer to a probe can be changed, or held back for ever. */
function createProbed(kind: RuntimeKind, first: Answer = {}) {
  let answer: Answer | "silent" = first;
  let asked = 0;
  const runtime: Runtime = {
    ...createScriptedRuntime({ kind }),
    kind,
    probe: async () => {
      asked += 1;
      if (answer === "silent") return await new Promise<RuntimeProbe>(() => {});
      const { ready = true, slots = null, reason = ready ? null : "it is away" } = answer;
      return { status: { kind, version: null, ready, reason, active: null, queued: null }, slots };
    },
  };
  return {
    runtime,
    asked: () => asked,
    answer: (next: Answer | "silent") => {
      answer = next;
    },
  };
}

const openai = (answer: Answer = {}) => createProbed("openai", answer);
const acp = (answer: Answer = {}) => createProbed("acp", answer);
const echo = (answer: Answer = {}) => createProbed("echo", answer);

async function watchOf(
  probed: readonly { readonly runtime: Runtime }[],
  parts: Partial<RuntimeWatchDeps> = {},
) {
  const clock = createManualClock();
  const watch = createRuntimeWatch({
    runtimes: probed.map(({ runtime }) => runtime),
    slots: null,
    clock,
    ...parts,
  });
  await watch.probe();
  return { watch, clock };
}

const picked = (watch: ReturnType<typeof createRuntimeWatch>, runtime?: RuntimeKind, more: object = {}) => {
  const pick = watch.pick({ ...(runtime === undefined ? {} : { runtime }), ...more });
  return pick.kind === "picked" ? pick.runtime.kind : pick.reason;
};

describe("the slots of a node", () => {
  test("are those of its runtimes together: what each tells, else 4", async () => {
    const { watch } = await watchOf([openai({ slots: 2 }), acp()]);
    expect(watch.slots()).toBe(6);
    expect(watch.statuses().map(({ kind, slots }) => [kind, slots])).toEqual([
      ["openai", 2],
      ["acp", 4],
    ]);
  });

  test("of one runtime are what the operator set for it, whatever it tells", async () => {
    const slotsOf = new Map<RuntimeKind, number>([["openai", 7]]);
    const { watch } = await watchOf([openai({ slots: 2 }), acp()], { slotsOf });
    expect(watch.statuses().map(({ slots }) => slots)).toEqual([7, 4]);
    expect(watch.slots()).toBe(11);
  });

  test("are at most what the operator set for the node", async () => {
    const { watch } = await watchOf([openai(), acp()], { slots: 3 });
    expect(watch.slots()).toBe(3);
    expect(watch.statuses().map(({ slots }) => slots)).toEqual([4, 4]);
    const roomy = await watchOf([openai(), acp()], { slots: 100 });
    expect(roomy.watch.slots()).toBe(8);
  });

  test("that the operator set for a node with one runtime are that runtime's", async () => {
    const { watch } = await watchOf([openai({ slots: 2 })], { slots: 9 });
    expect(watch.slots()).toBe(9);
    expect(watch.statuses()[0]?.slots).toBe(9);
  });
});

describe("the slots of a runtime that is not ready", () => {
  test("do not count, but for what still runs there", async () => {
    const first = openai({ slots: 3 });
    const second = acp({ slots: 2 });
    const { watch } = await watchOf([first, second]);
    const leave = watch.occupy(first.runtime);
    first.answer({ ready: false, slots: 3 });
    await watch.probe();
    expect(watch.slots()).toBe(3);
    leave();
    expect(watch.slots()).toBe(2);
    second.answer({ ready: false, slots: 2 });
    await watch.probe();
    expect(watch.slots()).toBe(5);
  });
});

describe("an echo beside another runtime", () => {
  const turn = { session: { key: "lake" } };

  test("takes only what requires it, wherever it stands in the list", async () => {
    for (const order of [
      [openai({ slots: 1 }), echo()],
      [echo(), openai({ slots: 1 })],
    ]) {
      const { watch } = await watchOf(order);
      expect(picked(watch)).toBe("openai");
      const pick = watch.pick({});
      if (pick.kind === "picked") watch.occupy(pick.runtime);
      expect([picked(watch), picked(watch, undefined, turn)]).toEqual(["full", "full"]);
      expect(picked(watch, undefined, { prefers: "echo" })).toBe("full");
      expect(picked(watch, "echo")).toBe("echo");
    }
  });

  test("answers for none that is away", async () => {
    const { watch } = await watchOf([openai({ ready: false }), echo()]);
    expect([picked(watch), picked(watch, undefined, turn), picked(watch, "echo")]).toEqual([
      "not_ready",
      "not_ready",
      "echo",
    ]);
  });

  test("takes what comes where it is the only one", async () => {
    const { watch } = await watchOf([echo()]);
    expect([picked(watch), picked(watch, undefined, turn)]).toEqual(["echo", "echo"]);
  });
});

describe("which runtime takes an attempt", () => {
  test("is the first that is ready and has a free slot", async () => {
    const { watch } = await watchOf([openai({ slots: 1 }), acp({ slots: 1 })]);
    const leave = occupyNext(watch);
    expect(picked(watch)).toBe("acp");
    occupyNext(watch);
    expect(picked(watch)).toBe("full");
    leave();
    expect(picked(watch)).toBe("openai");
    leave();
    occupyNext(watch);
    expect(picked(watch)).toBe("full");
  });

  test("is the one that is asked for, and none in its place", async () => {
    const { watch } = await watchOf([openai({ slots: 1 }), acp()]);
    expect(picked(watch, "acp")).toBe("acp");
    occupyNext(watch);
    expect(picked(watch, "openai")).toBe("full");
    expect(picked(watch, "zeroclaw")).toBe("no_such_runtime");
  });

  test("is none that is not ready", async () => {
    const { watch } = await watchOf([openai({ ready: false }), acp()]);
    expect(picked(watch)).toBe("acp");
    expect(watch.pick({ runtime: "openai" })).toEqual({
      kind: "refused",
      reason: "not_ready",
      message: "openai: it is away",
    });
  });

  test("is the first that is ready for a turn of a conversation, which waits for it", async () => {
    const first = openai({ slots: 1 });
    const turn = { session: { key: "lake" } };
    const { watch } = await watchOf([first, acp()]);
    const leave = occupyNext(watch);
    expect([picked(watch, undefined, turn), picked(watch, "acp", turn)]).toEqual(["full", "acp"]);
    leave();
    expect(picked(watch, undefined, turn)).toBe("openai");
    first.answer({ ready: false });
    await watch.probe();
    expect(picked(watch, undefined, turn)).toBe("acp");
  });

  test("is the one that the coordinator counts it for, where that has room", async () => {
    const { watch } = await watchOf([openai({ slots: 1 }), acp({ slots: 1 })]);
    expect(picked(watch, undefined, { prefers: "acp" })).toBe("acp");
    expect(picked(watch, undefined, { prefers: "command" })).toBe("openai");
    occupyNext(watch);
    expect(picked(watch, undefined, { prefers: "openai" })).toBe("acp");
  });

  const occupyNext = (watch: ReturnType<typeof createRuntimeWatch>) => {
    const pick = watch.pick({});
    if (pick.kind !== "picked") throw new Error(pick.message);
    return watch.occupy(pick.runtime);
  };

  test("shows in what the node tells of itself", async () => {
    const { watch } = await watchOf([openai(), acp()]);
    const leave = occupyNext(watch);
    expect(watch.statuses().map((status) => status.in_flight)).toEqual([1, 0]);
    leave();
    expect(watch.statuses().map((status) => status.in_flight)).toEqual([0, 0]);
  });
});

describe("a round of questions", () => {
  test("tells of one runtime while another is silent", async () => {
    const slow = openai();
    const quick = acp({ ready: false });
    const { watch, clock } = await watchOf([slow, quick]);
    const firstTold = Promise.withResolvers<void>();
    watch.onChange(firstTold.resolve);
    slow.answer("silent");
    quick.answer({});
    const round = watch.probe();
    await firstTold.promise;
    expect(watch.statuses().map(({ ready }) => ready)).toEqual([true, true]);
    // The silent one is not asked again before it has answered, or its time is over; the other one is.
    void watch.probe();
    expect([slow.asked(), quick.asked()]).toEqual([2, 3]);
    clock.advance(4_000);
    await round;
    expect(watch.statuses()[0]).toMatchObject({ ready: false, reason: "it did not answer in time" });
  });

  test("survives an adapter that throws", async () => {
    const broken = openai();
    const runtime: Runtime = { ...broken.runtime, probe: () => Promise.reject(new Error("broken")) };
    const { watch } = await watchOf([{ runtime }, acp()]);
    expect(watch.statuses().map(({ ready }) => ready)).toEqual([false, true]);
  });

  test("tells nothing when nothing has changed", async () => {
    const { watch } = await watchOf([openai(), acp()]);
    watch.onChange(() => {
      throw new Error("told of nothing");
    });
    await watch.probe();
  });
});

describe("a gateway that is kept alive", () => {
  test("shows its state with its runtime; a change is told, and its runtime asked", async () => {
    const probed = openai({ ready: false });
    const other = acp();
    const listeners = new Set<() => void>();
    let state: Supervision = { state: "starting", restarts: 0, detail: null, next_start_at: null };
    const gateway = {
      kind: "openai" as const,
      state: () => state,
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      stop: async () => {},
    };
    const { watch } = await watchOf([probed, other], { supervised: [gateway] });
    const statuses = () => watch.statuses().map(({ ready, supervision }) => [ready, supervision?.state]);
    expect(statuses()).toEqual([
      [false, "starting"],
      [true, undefined],
    ]);
    const told: unknown[] = [];
    const ready = Promise.withResolvers<void>();
    watch.onChange(() => {
      told.push(statuses()[0]);
      if (told.length === 2) ready.resolve();
    });
    state = { ...state, state: "running" };
    probed.answer({});
    for (const listener of listeners) listener();
    await ready.promise;
    expect(told).toEqual([
      [false, "running"],
      [true, "running"],
    ]);
    watch.stop();
    expect(listeners.size).toBe(0);
  });

  test("that changes while its runtime is being asked has it asked once more", async () => {
    const answers: PromiseWithResolvers<boolean>[] = [];
    const runtime: Runtime = {
      ...createScriptedRuntime({ kind: "openai" }),
      probe: async () => {
        const answer = Promise.withResolvers<boolean>();
        answers.push(answer);
        const ready = await answer.promise;
        const reason = ready ? null : "it is away";
        return {
          status: { kind: "openai", version: null, ready, reason, active: null, queued: null },
          slots: null,
        };
      },
    };
    const listeners = new Set<() => void>();
    const gateway = {
      kind: "openai" as const,
      state: (): Supervision => ({ state: "running", restarts: 0, detail: null, next_start_at: null }),
      onChange: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      stop: async () => {},
    };
    const watch = createRuntimeWatch({
      runtimes: [runtime],
      slots: null,
      supervised: [gateway],
      clock: createManualClock(),
    });
    const round = watch.probe();
    for (const listener of listeners) listener();
    answers[0]?.resolve(false);
    await Bun.sleep(0);
    answers[1]?.resolve(true);
    await round;
    expect([answers.length, watch.statuses()[0]?.ready]).toEqual([2, true]);
  });
});
