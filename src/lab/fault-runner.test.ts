import { describe, expect, test } from "bun:test";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { createMeshClient } from "../client/index.ts";
import { systemClock } from "../platform/clock.ts";
import { createExecutionLog } from "./executions.ts";
import type { Fault } from "./fault-plan.ts";
import { createFaultRunner } from "./fault-runner.ts";
import type { CoordinatorProcess, LabMesh } from "./lab-mesh.ts";
import { startModelServer } from "./model-server.ts";
import { createSenderConnections } from "./senders.ts";

const plan: readonly Fault[] = [
  { at_accepted: 1, kind: "kill-coordinator", target: "coordinator", duration_ms: 1000 },
  { at_accepted: 2, kind: "kill-coordinator", target: "coordinator", duration_ms: 1000 },
];

/** A mesh of nothing but a coordinator that can be killed and started. */
function start() {
  const clock = createManualClock();
  const did: string[] = [];
  const coordinator: CoordinatorProcess = {
    url: "http://127.0.0.1:1",
    disk: null,
    kill: (signal) => void did.push(signal),
    exited: () => Promise.resolve(),
    restart: () => Promise.resolve(void did.push("restart")),
    peakMemoryBytes: () => null,
  };
  const mesh: LabMesh = {
    coordinator,
    nodes: [],
    client: createMeshClient({ baseUrl: coordinator.url, token: null, fetch }),
    stopProxies: () => Promise.resolve(),
  };
  const models = startModelServer({
    load: { seed: 1, safeShare: 1 },
    executions: createExecutionLog(),
    clock: systemClock,
    onAnswered: () => {},
  });
  const connections = createSenderConnections(clock);
  const faults = createFaultRunner({ plan, mesh, models, connections, clock, onFault: () => {} });
  return { clock, did, faults, [Symbol.asyncDispose]: () => models.stop() };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("the faults of a laboratory", () => {
  test("come one after the other to the same target", async () => {
    await using rig = start();
    rig.faults.progress(2);
    for (let fault = 0; fault < 2; fault += 1) {
      await nextTurn();
      rig.clock.advance(1000);
    }
    const injected = await rig.faults.finish();
    expect(rig.did).toEqual(["SIGKILL", "restart", "SIGKILL", "restart"]);
    expect(injected).toHaveLength(2);
  });

  test("are broken off when the laboratory ends early, and start nothing after that", async () => {
    await using rig = start();
    rig.faults.progress(2);
    await nextTurn();
    expect(rig.did).toEqual(["SIGKILL"]);
    await rig.faults.stop();
    rig.clock.advance(10_000);
    await nextTurn();
    expect(rig.did).toEqual(["SIGKILL"]);
    expect(rig.faults.startedCount()).toBe(1);
  });
});
