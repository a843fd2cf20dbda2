import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createEventEmitter } from "../../platform/event-emitter.ts";
import { type Log, silentLog } from "../../platform/log.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { MeshEvents } from "../events/mesh-events.ts";
import { createRetention, maxStepTasks, minKeptMs, roundIntervalMs, stepPauseMs } from "./retention.ts";

const dayMs = 24 * 3600 * 1000;

interface Kept {
  readonly id: string;
  /** null: not ended. */
  readonly endedAtMs: number | null;
}

/** Deletes as the store does, out of a list. */
function open(parts: { readonly kept: readonly Kept[]; readonly days?: number; readonly maxTasks?: number }) {
  const clock = createManualClock();
  const events = createEventEmitter<MeshEvents>();
  let kept = [...parts.kept];
  const steps: number[] = [];
  const warnings: string[] = [];
  let isBroken = false;
  let counts = 0;
  const log: Log = { ...silentLog, warn: (text) => warnings.push(text) };
  const told: number[] = [];
  events.on("tasks.deleted", ({ count }) => told.push(count));
  const retention = createRetention({
    store: {
      count: async () => {
        counts += 1;
        return kept.length;
      },
      deleteFinished: async ({ endedBeforeMs, after, limit }) => {
        if (isBroken) throw new Error("the disk is full");
        const old = kept.filter(
          ({ id, endedAtMs }) =>
            (after === null || id > after) && endedAtMs !== null && endedAtMs < endedBeforeMs,
        );
        const gone = old.slice(0, limit);
        kept = kept.filter((one) => !gone.includes(one));
        steps.push(gone.length);
        return { deleted: gone.length, next: old.length > limit ? (gone.at(-1)?.id as TaskId) : null };
      },
    },
    unfinished: () => kept.filter(({ endedAtMs }) => endedAtMs === null).length,
    policy: { days: parts.days ?? 30, maxTasks: parts.maxTasks ?? 1_000_000 },
    events,
    clock,
    log,
  });
  retention.start();
  /** Lets the promises go as far as they can. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  return {
    clock,
    events,
    retention,
    steps,
    warnings,
    told,
    settle,
    counts: () => counts,
    ids: () => kept.map(({ id }) => id),
    keep: (more: readonly Kept[]) => {
      kept = [...kept, ...more];
      for (const { id } of more) events.emit("task.accepted", { taskId: id as TaskId });
    },
    breakDisk: (broken: boolean) => {
      isBroken = broken;
    },
    /** A whole round, its pauses included. */
    round: async () => {
      clock.advance(roundIntervalMs);
      for (let step = 0; step < 20; step += 1) {
        await settle();
        clock.advance(stepPauseMs);
      }
    },
  };
}

function many(count: number, endedAtMs: number | null, from = 0): Kept[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `task_${String(from + index).padStart(6, "0")}`,
    endedAtMs,
  }));
}

const nowMs = createManualClock().nowMs();

describe("retention", () => {
  test("deletes what ended before its days, and nothing that runs", async () => {
    const kept = [
      { id: "a", endedAtMs: nowMs - 31 * dayMs },
      { id: "b", endedAtMs: null },
      { id: "c", endedAtMs: nowMs - 29 * dayMs },
    ];
    const { round, ids, told } = open({ kept });
    await round();
    expect(ids()).toEqual(["b", "c"]);
    expect(told).toEqual([1]);
  });

  test("does nothing in its first minute, and looks again every minute", async () => {
    const { clock, settle, keep, ids, round } = open({ kept: [{ id: "a", endedAtMs: 0 }] });
    clock.advance(roundIntervalMs - 1);
    await settle();
    expect(ids()).toEqual(["a"]);
    clock.advance(1);
    await settle();
    expect(ids()).toEqual([]);
    keep([{ id: "b", endedAtMs: 0 }]);
    await round();
    expect(ids()).toEqual([]);
  });

  test("goes in small steps, with a pause after each", async () => {
    const { clock, settle, steps } = open({ kept: many(3 * maxStepTasks + 1, 0) });
    clock.advance(roundIntervalMs);
    await settle();
    expect(steps).toEqual([maxStepTasks]);
    clock.advance(stepPauseMs - 1);
    await settle();
    expect(steps).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(steps).toHaveLength(2);
  });

  test("deletes the oldest, whatever their age, when there are too many, as few as it has to", async () => {
    const { round, ids, keep, counts, told } = open({ kept: many(1_250, nowMs - dayMs), maxTasks: 1_000 });
    await round();
    expect(ids()).toEqual(many(1_000, 0, 250).map(({ id }) => id));
    expect(told).toEqual([maxStepTasks, 50]);
    keep(many(7, nowMs - minKeptMs, 1_250));
    await round();
    expect(ids()).toEqual(many(1_000, 0, 257).map(({ id }) => id));
    expect(counts()).toBe(1);
  });

  test("neither deletes nor counts unfinished tasks, however many there are", async () => {
    const ended = many(11, nowMs - dayMs, 20);
    const { round, ids } = open({ kept: [...many(20, null), ...ended], maxTasks: 10 });
    await round();
    expect(ids()).toEqual([...many(20, null), ...ended.slice(1)].map(({ id }) => id));
  });

  test("keeps what ended within the last hour, however many there are: its keys may be repeated", async () => {
    const { round, ids, clock, settle } = open({ kept: many(20, nowMs), maxTasks: 10 });
    await round();
    expect(ids()).toHaveLength(20);
    clock.advance(minKeptMs);
    await settle();
    await round();
    expect(ids()).toHaveLength(10);
  });

  test("that fails says so once, and goes on when it can again", async () => {
    const { round, breakDisk, warnings, ids } = open({ kept: many(1, 0) });
    breakDisk(true);
    await round();
    await round();
    expect(warnings).toHaveLength(1);
    breakDisk(false);
    await round();
    expect(ids()).toEqual([]);
    breakDisk(true);
    await round();
    expect(warnings).toHaveLength(2);
  });

  test("stops between two steps, at once", async () => {
    const { clock, settle, retention, steps } = open({ kept: many(3 * maxStepTasks, 0) });
    clock.advance(roundIntervalMs);
    await settle();
    await retention.stop();
    clock.advance(10 * roundIntervalMs);
    await settle();
    expect(steps).toHaveLength(1);
  });
});
