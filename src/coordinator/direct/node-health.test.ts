import { describe, expect, test } from "bun:test";
import { type HealthEvent, newHealth, nextHealth, offlineReason } from "./node-health.ts";

const following = (events: readonly HealthEvent[], from = newHealth(0, true)) =>
  events.reduce((health, event) => nextHealth(health, event, 0), from);

const failed: HealthEvent = { kind: "probe_failed" };
const succeeded: HealthEvent = { kind: "probe_succeeded" };

describe("a direct node", () => {
  test("is online from its registration until three probes in a row have failed", () => {
    expect(offlineReason(newHealth(0, true), 0)).toBeNull();
    expect(offlineReason(following([failed, failed]), 0)).toBeNull();
    expect(offlineReason(following([failed, failed, succeeded, failed, failed]), 0)).toBeNull();
    expect(offlineReason(following([failed, failed, failed]), 0)).toBe("its endpoint does not answer");
  });

  test("of a former process is online when it answers", () => {
    expect(offlineReason(newHealth(0, false), 0)).not.toBeNull();
    expect(offlineReason(following([failed], newHealth(0, false)), 0)).not.toBeNull();
    expect(offlineReason(following([succeeded], newHealth(0, false)), 0)).toBeNull();
  });

  test("is offline at once when nobody listens at its address, and back with the next answer", () => {
    const gone = following([{ kind: "not_taken" }]);
    expect(offlineReason(gone, 0)).not.toBeNull();
    expect(offlineReason(following([{ kind: "heartbeat", status: "online" }], gone), 0)).not.toBeNull();
    expect(offlineReason(following([succeeded], gone), 0)).toBeNull();
  });

  test("is offline after 30 s without a heartbeat, though it answers", () => {
    const answering = following([succeeded]);
    expect(offlineReason(answering, 30_000)).toBeNull();
    expect(offlineReason(answering, 30_001)).toBe("no heartbeat");
    const heard = nextHealth(answering, { kind: "heartbeat", status: "busy" }, 40_000);
    expect(offlineReason(heard, 60_000)).toBeNull();
  });

  test("is offline when it says so, until it says otherwise", () => {
    const leaving = following([{ kind: "heartbeat", status: "offline" }, succeeded]);
    expect(offlineReason(leaving, 0)).toBe("it said that it is going offline");
    expect(offlineReason(following([{ kind: "heartbeat", status: "busy" }], leaving), 0)).toBeNull();
  });
});
