import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { canAttach, failWrites } from "./strace/traced.ts";
import { offerTasks, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(e2eTimeoutMs);

describe.skipIf(!canAttach())("a disk that cannot be written for a while", () => {
  test.each(["EROFS", "EIO", "ENOSPC"])(
    "(%s) costs nothing that was accepted; new work is refused with the reason, and goes on without a restart",
    async (errno) => {
      await using mesh = await createTestMesh();
      const coordinator = await mesh.startCoordinator();
      const node = await mesh.startNode(coordinator, { name: "worker" });
      const load = offerTasks(coordinator, { clients: 4, kind: "queued" });
      await until("some work", async () => load.accepted.size > 100);
      const file = join(coordinator.machine.home, ".claw-mesh", "mesh.db");
      const failing = await failWrites(coordinator.program().pid, [file, `${file}-wal`], errno);
      await until("refusals", async () => load.refusals.length > 10);
      for (const call of [
        coordinator.call("POST", "/api/v1/route", { content: "now" }),
        coordinator.call("POST", "/api/v1/tasks", { content: "later" }),
      ]) {
        const { status, body } = await call;
        expect({ status, code: body.code }).toEqual({ status: 503, code: "STORE_UNAVAILABLE" });
        expect(body.error).toContain(errno === "ENOSPC" ? "the disk is full" : "the disk cannot be");
      }
      const before = load.accepted.size;
      await failing[Symbol.asyncDispose]();
      await until("work goes on", async () => load.accepted.size > before + 100);
      await load.stop();
      expect(new Set(load.refusals.map(({ code }) => code))).toEqual(new Set(["STORE_UNAVAILABLE"]));
      const all = { succeeded: load.accepted.size };
      expect(await untilAllEnded(coordinator, load.accepted.keys())).toEqual(all);
      expect(node.program().stderr()).not.toContain("link lost");
      await coordinator.kill("SIGKILL");
      await coordinator.restart();
      expect(await untilAllEnded(coordinator, load.accepted.keys())).toEqual(all);
    },
  );
});
