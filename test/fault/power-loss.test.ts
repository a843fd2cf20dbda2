import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { checkFlushOrder, checkOfferOrder } from "./strace/flush-order.ts";
import { parseTrace } from "./strace/parse-trace.ts";
import { isStraceReady, traceTo } from "./strace/traced.ts";
import { offerTasks, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(e2eTimeoutMs);

const wanted = 300;
const wantedOffers = 5;

describe.skipIf(!isStraceReady())("before a power cut", () => {
  test("no task is acknowledged that a flush of the disk does not cover", async () => {
    await using mesh = await createTestMesh();
    const machine = await mesh.createMachine("traced");
    const traceFile = join(machine.home, "trace");
    const coordinator = await mesh.startCoordinator({ machine, wrapper: traceTo(traceFile) });
    await mesh.startNode(coordinator, { name: "worker" });
    const load = offerTasks(coordinator, { clients: 8, kind: "queued" });
    while (load.accepted.size < wanted && load.refusals.length === 0) await Bun.sleep(20);
    await load.stop();
    expect(load.refusals).toEqual([]);
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });

    const acknowledged = checkFlushOrder(parseTrace(await Bun.file(traceFile).text()), "HTTP/1.1 202 ");
    expect(acknowledged.filter(({ isCovered }) => !isCovered)).toEqual([]);
    const seen = new Set(acknowledged.map(({ taskId }) => taskId));
    expect([...load.accepted.keys()].filter((id) => !seen.has(id))).toEqual([]);
  });

  test("no later offer of a task that must not run twice is made that a flush does not cover", async () => {
    await using mesh = await createTestMesh();
    const machine = await mesh.createMachine("traced");
    const traceFile = join(machine.home, "trace");
    const coordinator = await mesh.startCoordinator({ machine, wrapper: traceTo(traceFile) });
    await mesh.startNode(coordinator, { name: "worker" });
    const ids: string[] = [];
    for (let sent = 0; sent < wantedOffers; sent += 1) {
      // Accepted now, so that the commit of the offer is another one.
      const not_before = new Date(Date.now() + 300).toISOString();
      const task = { content: `later ${sent}`, effects: "unsafe", not_before };
      const { status, body } = await coordinator.call("POST", "/api/v1/tasks", task);
      expect({ status, state: body.state }).toEqual({ status: 202, state: "queued" });
      ids.push(body.id);
      expect(await untilAllEnded(coordinator, [body.id])).toEqual({ succeeded: 1 });
    }
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const offers = checkOfferOrder(parseTrace(await Bun.file(traceFile).text()));
    expect(offers.map(({ taskId }) => taskId)).toEqual(ids);
    expect(offers.filter(({ isCovered }) => !isCovered)).toEqual([]);
  });
});
