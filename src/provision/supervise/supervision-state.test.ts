import { describe, expect, test } from "bun:test";
import {
  defaultSupervisionLimits,
  initialSupervision,
  nextSupervision,
  type SupervisionEvent,
  type SupervisionState,
} from "./supervision-state.ts";

const limits = { ...defaultSupervisionLimits, readyMs: 180_000 };

const ended: SupervisionEvent = {
  kind: "ended",
  detail: "it ended with SIGKILL",
  isFinal: false,
  wasAsked: false,
};
const looked = (health: "ready" | "unready" | "silent"): SupervisionEvent => ({ kind: "looked", health });

/** A gateway, its events at their times in milliseconds, with the longest pauses. */
function live(events: readonly (readonly [atMs: number, event: SupervisionEvent])[], chance = 1) {
  let state: SupervisionState = initialSupervision(0);
  const effects: string[] = [];
  for (const [nowMs, event] of events) {
    const step = nextSupervision(state, event, { nowMs, chance, limits });
    state = step.state;
    if (step.effect !== null) effects.push(`${step.effect}@${nowMs}`);
  }
  return { state, effects };
}

describe("a gateway that is kept alive", () => {
  test("runs once it is ready", () => {
    expect(live([[500, looked("silent")]]).state.phase.kind).toBe("starting");
    expect(live([[500, looked("unready")]]).state.phase.kind).toBe("starting");
    expect(live([[500, looked("ready")]]).state).toMatchObject({ phase: { kind: "running" }, restarts: 0 });
  });

  test("is started again after a pause when it ends", () => {
    const dead = [
      [500, looked("ready")],
      [1_000, ended],
    ] as const;
    expect(live(dead).state).toMatchObject({
      phase: { kind: "backing_off", untilMs: 2_000 },
      detail: "it ended with SIGKILL",
    });
    expect(live([...dead, [1_999, looked("silent")]]).effects).toEqual([]);
    const again = live([...dead, [2_000, looked("silent")]]);
    expect(again.effects).toEqual(["launch@2000"]);
    expect(again.state).toMatchObject({ phase: { kind: "starting" }, restarts: 1 });
  });

  test("waits twice as long after each end, and up to half as long by chance", () => {
    const until = (ends: number, chance: number) => {
      const { phase } = live(
        Array.from(
          { length: ends },
          (_, at) =>
            [
              [at * 100_000, ended],
              [at * 100_000 + 61_000, looked("silent")],
            ] as const,
        )
          .flat()
          .slice(0, -1),
        chance,
      ).state;
      return phase.kind === "backing_off" ? phase.untilMs - (ends - 1) * 100_000 : null;
    };
    expect([1, 2, 3, 4].map((ends) => until(ends, 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect([1, 2, 3, 4].map((ends) => until(ends, 0))).toEqual([500, 1_000, 2_000, 4_000]);
  });

  test("is given up when it ends five times in ten minutes", () => {
    const crashes = Array.from(
      { length: 5 },
      (_, at) =>
        [
          [at * 100_000, ended],
          [at * 100_000 + 99_000, looked("silent")],
        ] as const,
    ).flat();
    const { state, effects } = live(crashes);
    expect(state.phase).toEqual({ kind: "crash_loop" });
    expect(effects).toHaveLength(4);
    expect(state.restarts).toBe(4);
  });

  test("is never given up when its ends are far apart", () => {
    const crashes = Array.from(
      { length: 20 },
      (_, at) =>
        [
          [at * 160_000, ended],
          [at * 160_000 + 61_000, looked("silent")],
        ] as const,
    ).flat();
    const { state } = live(crashes);
    expect(state.phase.kind).toBe("starting");
    expect(state.restarts).toBe(20);
    expect(state.endsMs.length).toBeLessThan(5);
  });

  test("is given up at once when another start would end alike", () => {
    const { state } = live([[500, { ...ended, isFinal: true, detail: "it ended with exit code 78" }]]);
    expect(state).toMatchObject({ phase: { kind: "crash_loop" }, detail: "it ended with exit code 78" });
  });

  test("stays down when somebody asked for its end", () => {
    const { state, effects } = live([
      [500, looked("ready")],
      [1_000, { ...ended, wasAsked: true }],
      [500_000, looked("silent")],
    ]);
    expect(state.phase).toEqual({ kind: "stopped" });
    expect(effects).toEqual([]);
  });

  test("stays down when that was asked for while it waited for its next start", () => {
    const { state, effects } = live([
      [0, ended],
      [500, { ...ended, wasAsked: true }],
      [500_000, looked("silent")],
    ]);
    expect(state.phase).toEqual({ kind: "stopped" });
    expect(effects).toEqual([]);
  });

  test.each(["crash_loop", "stopped"] as const)(
    "is taken back from %s when somebody has started it",
    (kind) => {
      const end: SupervisionEvent =
        kind === "stopped" ? { ...ended, wasAsked: true } : { ...ended, isFinal: true };
      const { state, effects } = live([
        [500, end],
        [1_000, looked("unready")],
        [2_000, looked("ready")],
      ]);
      expect(state).toMatchObject({ phase: { kind: "running" }, endsMs: [] });
      expect(effects).toEqual(["adopt@2000"]);
    },
  );

  test("is not started a second time when somebody else was quicker", () => {
    const { state, effects } = live([
      [0, ended],
      [600, looked("ready")],
    ]);
    expect(state.phase.kind).toBe("running");
    expect(effects).toEqual(["adopt@600"]);
  });

  describe("that hangs", () => {
    test("is ended after a minute of silence, and started again", () => {
      const { state, effects } = live([
        [0, looked("ready")],
        [5_000, looked("silent")],
        [64_999, looked("silent")],
        [65_000, looked("silent")],
        [66_000, ended],
        [67_000, looked("silent")],
      ]);
      expect(effects).toEqual(["kill@65000", "launch@67000"]);
      expect(state).toMatchObject({ restarts: 1, detail: "it did not answer for 60 s" });
    });

    test("is left alone when it answers in between", () => {
      const { effects } = live([
        [0, looked("ready")],
        [5_000, looked("silent")],
        [60_000, looked("unready")],
        [65_000, looked("silent")],
        [124_999, looked("silent")],
      ]);
      expect(effects).toEqual([]);
    });

    test("may finish its work: it has six minutes without taking any", () => {
      const { effects } = live([
        [0, looked("ready")],
        [1_000, looked("unready")],
        [360_999, looked("unready")],
      ]);
      expect(effects).toEqual([]);
      const late = live([
        [0, looked("ready")],
        [1_000, looked("unready")],
        [361_000, looked("unready")],
      ]);
      expect(late.effects).toEqual(["kill@361000"]);
    });

    test("while it starts, is ended at its limit", () => {
      const { state, effects } = live([
        [179_999, looked("unready")],
        [180_000, looked("unready")],
      ]);
      expect(effects).toEqual(["kill@180000"]);
      expect(state).toMatchObject({ phase: { kind: "ending" }, detail: "it was not ready within 180 s" });
    });
  });

  test("counts one end once", () => {
    const { state } = live([
      [0, ended],
      [1, ended],
      [2, ended],
      [3, ended],
      [4, ended],
    ]);
    expect(state).toMatchObject({ phase: { kind: "backing_off" }, endsMs: [0] });
  });
});
