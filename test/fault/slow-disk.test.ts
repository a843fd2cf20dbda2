import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { isStraceReady, slowFlushes } from "./strace/traced.ts";
import { offerTasks, percentile, type TaskLoad, type TaskLoadOptions, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(e2eTimeoutMs);

const flushDelayMs = 10;
const loadMs = 2_000;

const describeLoad = (name: string, { accepted, latenciesMs }: TaskLoad) =>
  `${name}: ${Math.round((accepted.size * 1000) / loadMs)}/s, ` +
  `p50 ${percentile(latenciesMs, 0.5).toFixed(1)} ms, p99 ${percentile(latenciesMs, 0.99).toFixed(1)} ms`;

describe.skipIf(!isStraceReady())("a disk that takes 10 ms for every flush", () => {
  test("costs no task and no link; queued tasks and synchronous messages flow", async () => {
    await using mesh = await createTestMesh();
    const coordinator = await mesh.startCoordinator({ wrapper: slowFlushes(flushDelayMs) });
    const nodes = await Promise.all(["a", "b"].map((name) => mesh.startNode(coordinator, { name })));
    const load = async (options: TaskLoadOptions) => {
      const offered = offerTasks(coordinator, options);
      await Bun.sleep(loadMs);
      await offered.stop();
      console.info(describeLoad(options.kind, offered));
      expect(offered.refusals).toEqual([]);
      // Far below what is usual.
      expect(offered.accepted.size).toBeGreaterThan(50);
      return offered;
    };
    // One after the other: the queue that the second builds up would be measured with the first.
    const synchronous = await load({ clients: 4, kind: "synchronous" });
    const queued = await load({ clients: 8, kind: "queued" });
    const ids = [...queued.accepted.keys(), ...synchronous.accepted.keys()];
    expect(await untilAllEnded(coordinator, ids)).toEqual({ succeeded: ids.length });
    expect(coordinator.program().stderr()).not.toContain("node offline");
    for (const node of nodes) expect(node.program().stderr()).not.toContain("link lost");
  });
});
