import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { canAttach, failFlushes } from "./strace/traced.ts";
import { offerTasks, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(e2eTimeoutMs);

describe.skipIf(!canAttach())("a disk that takes what is written and fails to flush it", () => {
  test("leaves nothing of what was refused, loses nothing that was accepted, and goes on by itself", async () => {
    await using mesh = await createTestMesh();
    const coordinator = await mesh.startCoordinator();
    await mesh.startNode(coordinator, { name: "worker" });
    const load = offerTasks(coordinator, { clients: 4, kind: "queued" });
    await until("some work", async () => load.accepted.size > 100);
    const file = join(coordinator.machine.home, ".claw-mesh", "mesh.db");
    const failing = await failFlushes(coordinator.program().pid, [file, `${file}-wal`], "EIO");
    await until("refusals", async () => load.refusals.length > 10);
    const unready = await coordinator.call("GET", "/readyz");
    expect(unready).toMatchObject({ status: 503, body: { code: "STORE_UNAVAILABLE" } });
    // It needs no flush, but the slots may be held for tasks whose offers do.
    const sending = coordinator.call("POST", "/api/v1/route", { content: "now" });
    const before = load.accepted.size;
    await failing[Symbol.asyncDispose]();
    const now = await sending;
    expect(now.status).toBe(200);
    await until("work goes on", async () => load.accepted.size > before + 100);
    expect((await coordinator.call("GET", "/readyz")).status).toBe(200);
    await load.stop();
    expect(new Set(load.refusals.map(({ code }) => code))).toEqual(new Set(["STORE_UNAVAILABLE"]));
    const all = { succeeded: load.accepted.size };
    expect(await untilAllEnded(coordinator, load.accepted.keys())).toEqual(all);
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });

    const database = new Database(file, { readonly: true });
    const rows = database.query<{ id: string }, []>("select id from tasks").all();
    database.close();
    expect(new Set(rows.map(({ id }) => id))).toEqual(
      new Set([...load.accepted.keys(), now.body.message_id]),
    );
  });
});
