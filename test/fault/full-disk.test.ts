import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type HttpAnswer,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { isMountReady, mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { offerTasks, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(e2eTimeoutMs);

const diskMib = 24;
const disks: SmallDisk[] = [];
let mesh: TestMesh;

beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(async () => {
  // What still runs keeps its files; the directories have to be free before the mesh removes them.
  for (const disk of disks) await disk[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

/** A machine whose data directory is a small disk. */
async function createSmallMachine(name: string): Promise<{ machine: Machine; disk: SmallDisk }> {
  const machine = await mesh.createMachine(name);
  const disk = await mountSmallDisk(join(machine.home, ".claw-mesh"), diskMib);
  disks.push(disk);
  return { machine, disk };
}

/** More than what a log that was written before has left to be written over. */
const large = "x".repeat(512 * 1024);

function addLarge(coordinator: CoordinatorProcess): Promise<HttpAnswer> {
  return coordinator.call("POST", "/api/v1/tasks", { content: large });
}

describe.skipIf(!isMountReady())("a full disk", () => {
  test("of the coordinator: what was accepted is safe, new work is refused with the reason, and space is enough to go on", async () => {
    const { machine, disk } = await createSmallMachine("small");
    const coordinator = await mesh.startCoordinator({ machine });
    const node = await mesh.startNode(coordinator, { name: "worker" });
    const load = offerTasks(coordinator, { clients: 4, kind: "queued" });
    await until("some work", async () => load.accepted.size > 100);
    await disk.fill();
    // Until nothing of the log is left to be written over.
    const refused = await until("a refusal", async () => {
      const answer = await addLarge(coordinator);
      return answer.status === 202 ? null : answer;
    });
    expect(refused).toMatchObject({ status: 503, body: { code: "STORE_UNAVAILABLE" } });
    expect(refused.body.error).toContain("the disk is full");
    expect(refused.body.hint.length).toBeGreaterThan(10);
    const synchronous = await coordinator.call("POST", "/api/v1/route", { content: large });
    expect(synchronous).toMatchObject({ status: 503, body: { code: "STORE_UNAVAILABLE" } });
    expect((await coordinator.call("GET", "/healthz")).status).toBe(200);
    const unready = await until("it says that it takes no work", async () => {
      await addLarge(coordinator);
      const answer = await coordinator.call("GET", "/readyz");
      return answer.status === 200 ? null : answer;
    });
    expect(unready).toMatchObject({ status: 503, body: { code: "STORE_UNAVAILABLE" } });
    expect(unready.body.error).toContain("the disk is full");

    const before = load.accepted.size;
    await disk.free();
    await until("work goes on", async () => load.accepted.size > before + 100);
    expect((await coordinator.call("GET", "/readyz")).status).toBe(200);
    await load.stop();
    for (const { status, code } of load.refusals) {
      expect({ status, code }).toEqual({ status: 503, code: "STORE_UNAVAILABLE" });
    }
    expect(await untilAllEnded(coordinator, load.accepted.keys())).toEqual({ succeeded: load.accepted.size });
    expect(node.program().stderr()).not.toContain("link lost");
    expect(await coordinator.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    await coordinator.restart();
    expect(await untilAllEnded(coordinator, load.accepted.keys())).toEqual({ succeeded: load.accepted.size });
  });

  test("of a node: it refuses, the work goes to another one, and it takes work again when there is space", async () => {
    const coordinator = await mesh.startCoordinator({ machine: await mesh.createMachine("roomy") });
    const { machine, disk } = await createSmallMachine("small-node");
    const small = await mesh.startNode(coordinator, { name: "small", machine });
    await mesh.startNode(coordinator, { name: "other" });
    const targets = ["small", "other"];
    await coordinator.call("POST", "/api/v1/rules", { match: { wildcard: true }, targets });
    const send = () => coordinator.call("POST", "/api/v1/route", { content: large });
    expect((await send()).body.node_name).toBe("small");
    await disk.fill();
    const moved = await until("a journal that cannot be written", async () => {
      const { status, body } = await send();
      expect(status).toBe(200);
      return body.node_name === "other" ? body : null;
    });
    const task = (await coordinator.call("GET", `/api/v1/tasks/${moved.message_id}`)).body;
    expect(task).toMatchObject({ state: "succeeded", response: expect.stringContaining("xxx") });
    expect(small.program().stderr()).toContain("the journal could not be written");
    await disk.free();
    await until("the node takes work again", async () => (await send()).body.node_name === "small", 15_000);
  });

  test("that is mounted read-only keeps a coordinator from starting; writable again, it has everything", async () => {
    const { machine, disk } = await createSmallMachine("read-only");
    const coordinator = await mesh.startCoordinator({ machine });
    const { status, body } = await coordinator.call("POST", "/api/v1/tasks", { content: "keep me" });
    expect(status).toBe(202);
    await coordinator.kill("SIGKILL");
    disk.remount("ro");
    const refused = await machine.cli(["up", "--no-local", "--port", "0"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Make the directory writable for this user, or use --data-dir.");
    disk.remount("rw");
    await coordinator.restart();
    const kept = await coordinator.call("GET", `/api/v1/tasks/${body.id}`);
    expect(kept).toMatchObject({ status: 200, body: { state: "queued", content: "keep me" } });
  });
});
