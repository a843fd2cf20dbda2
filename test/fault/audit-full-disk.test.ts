import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { AuditEntry } from "../../src/protocol/audit.ts";
import { createTestMesh, e2eTimeoutMs, type TestMesh } from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { isMountReady, mountSmallDisk, type SmallDisk } from "./small-disk.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
const disks: SmallDisk[] = [];

beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(async () => {
  for (const disk of disks) await disk[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

/** As much as a group takes, so that the room that is left in the files is soon used up. */
const members = Array.from({ length: 1_000 }, (_, at) => `member-${at}-${"x".repeat(48)}`);

describe.skipIf(!isMountReady())("a full disk", () => {
  test("of the coordinator: no change is made that the audit does not hold, and the chain goes on when there is space", async () => {
    const machine = await mesh.createMachine("small-audit");
    const disk = await mountSmallDisk(join(machine.home, ".claw-mesh"), 24);
    disks.push(disk);
    const coordinator = await mesh.startCoordinator({ machine });
    const done: string[] = [];
    let made = 0;
    const change = async () => {
      made += 1;
      const name = `group-${made}`;
      const answer = await coordinator.call("PUT", `/api/v1/groups/${name}`, { nodes: members });
      if (answer.status === 200) done.push(name);
      return answer;
    };
    for (let count = 0; count < 5; count += 1) expect((await change()).status).toBe(200);
    await disk.fill();
    const refused = await until("a change is refused", async () => {
      const answer = await change();
      return answer.status === 200 ? null : answer;
    });
    expect(refused).toMatchObject({ status: 503, body: { code: "STORE_UNAVAILABLE" } });
    for (let count = 0; count < 20; count += 1) await change();
    expect((await coordinator.call("GET", "/api/v1/groups")).body).toHaveLength(done.length);

    await disk.free();
    await until("changes are made again", async () => (await change()).status === 200);
    const { body: verdict } = await coordinator.call("GET", "/api/v1/audit/verify");
    expect(verdict).toMatchObject({ is_intact: true });
    const { body } = await coordinator.call("GET", "/api/v1/audit?action=group.put&limit=1000");
    const entries: readonly AuditEntry[] = body.entries;
    const audited = entries.filter((entry) => entry.result === "ok").map((entry) => entry.target);
    expect(audited.toReversed()).toEqual(done);
    expect(entries.filter((entry) => entry.result === "STORE_UNAVAILABLE")).toHaveLength(1);
  });
});
