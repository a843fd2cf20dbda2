import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { countStates, offerTasks, untilAllEnded } from "./task-load.ts";

setDefaultTimeout(2 * e2eTimeoutMs);

const imageCount = 20;
const longestPauseMs = 120;
const seed = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** What lay on the disk at one moment, and what had been acknowledged by then. */
interface CrashImage {
  readonly machine: Machine;
  readonly acknowledged: readonly string[];
}

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Numbers in [0, 1) that follow from the seed. */
function createRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function stopInItsTracks({ pid, kill }: ReturnType<CoordinatorProcess["program"]>): Promise<void> {
  kill("SIGSTOP");
  await until("it stands still", async () => {
    const { stdout } = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)]);
    return stdout.toString().startsWith("T");
  });
}

/** Copies what a machine would find on its disk after the process died: not the `-shm`, which is memory. */
async function takeImage(coordinator: CoordinatorProcess, name: string): Promise<Machine> {
  const machine = await mesh.createMachine(name);
  const [from, to] = [coordinator.machine, machine].map(({ home }) => join(home, ".claw-mesh"));
  if (from === undefined || to === undefined) throw new Error("unreachable");
  await mkdir(to, { mode: 0o700 });
  for (const file of ["mesh.db", "mesh.db-wal", "token"]) await cp(join(from, file), join(to, file));
  return machine;
}

describe(`the files of a coordinator that was stopped at random moments under load (FAULT_SEED=${seed})`, () => {
  test("open again, and account for every acknowledged task", async () => {
    const random = createRandom(seed);
    const coordinator = await mesh.startCoordinator();
    await Promise.all(["a", "b"].map((name) => mesh.startNode(coordinator, { name })));
    const parts = { effects: "safe" };
    const queued = offerTasks(coordinator, { clients: 4, kind: "queued", parts });
    const synchronous = offerTasks(coordinator, { clients: 4, kind: "synchronous", parts });
    const images: CrashImage[] = [];
    for (let index = 0; index < imageCount; index += 1) {
      await Bun.sleep(random() * longestPauseMs);
      await stopInItsTracks(coordinator.program());
      // Answers that were on their way to the clients count as well.
      await Bun.sleep(5);
      const acknowledged = [...queued.accepted.keys(), ...synchronous.accepted.keys()];
      images.push({ machine: await takeImage(coordinator, `image-${index}`), acknowledged });
      if (index < imageCount - 1) coordinator.program().kill("SIGCONT");
    }
    // The last image is of the moment of death: its nodes have heard nothing that it does not know.
    await coordinator.kill("SIGKILL");
    await Promise.all([queued.stop(), synchronous.stop()]);
    expect(images.at(-1)?.acknowledged.length).toBeGreaterThan(imageCount);

    for (const { machine, acknowledged } of images) {
      const copy = await mesh.startCoordinator({ machine });
      const counts = await countStates(copy, acknowledged);
      expect(counts).not.toHaveProperty("missing");
      await copy.kill("SIGKILL");
    }
    await expectToGoOn(images.at(-1), coordinator.port, synchronous.accepted);
  });

  /** The nodes come back to it, everything ends, and what had been answered already is there as it was. */
  async function expectToGoOn(
    image: CrashImage | undefined,
    port: number,
    answered: ReadonlyMap<string, string>,
  ): Promise<void> {
    if (image === undefined) throw new Error("there is no image");
    const copy = await mesh.startCoordinator({ machine: image.machine, port });
    const ends = await untilAllEnded(copy, image.acknowledged, 60_000);
    expect(ends).toEqual({ succeeded: image.acknowledged.length });
    for (const [id, content] of [...answered].slice(0, 50)) {
      if (!image.acknowledged.includes(id)) continue;
      const { body } = await copy.call("GET", `/api/v1/tasks/${id}`);
      expect(body.response).toContain(content);
    }
  }
});
