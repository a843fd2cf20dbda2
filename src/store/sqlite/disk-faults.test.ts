import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createSampleAttempt, createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { anyTask } from "../../../test/support/store/task-model.ts";
import type { Task } from "../../domain/tasks/task.ts";
import { systemIds } from "../../platform/ids.ts";
import { nextLoopTurn } from "../../platform/loop-turn.ts";
import { closeDatabase, type Database, openDatabase } from "../../platform/sqlite.ts";
import type { RuleStore } from "../rules.ts";
import type { TaskStore } from "../tasks.ts";
import { type Committer, createCommitter, healPauseMs } from "./committer.ts";
import { migrations } from "./migrations/index.ts";
import { createRuleStore } from "./rules.ts";
import { createSharedSync, failedPauseMs, type SharedSync } from "./shared-sync.ts";
import { createTaskStore } from "./tasks.ts";

let directory: string;
let database: Database;
let clock: ReturnType<typeof createManualClock>;
let committer: Committer;
let shared: SharedSync;
let tasks: TaskStore;
let rules: RuleStore;
/** What the disk says to a flush. */
let flushFault: Error | null;
let onFlush: () => void;
let flushes: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "disk-faults-"));
  clock = createManualClock();
  database = openDatabase({ file: join(directory, "mesh.db"), migrations, clock });
  flushFault = null;
  onFlush = () => {};
  flushes = 0;
  const flush = async () => {
    flushes += 1;
    onFlush();
    if (flushFault !== null) throw flushFault;
  };
  shared = createSharedSync({ flush, clock, intervalMs: 20 });
  committer = createCommitter({ database, flushing: shared, clock });
  tasks = createTaskStore(database, committer, clock);
  rules = createRuleStore(database, committer);
});

afterEach(() => {
  committer.close();
  closeDatabase(database);
  rmSync(directory, { recursive: true });
});

const unavailable = (reason: string) => ({
  code: "STORE_UNAVAILABLE",
  message: expect.stringContaining(reason),
});

const failed = () =>
  createSampleTask({ state: "failed", endedAtMs: 1, failure: { class: "timeout", message: "too long" } });

/** Every method that writes tasks, on what `createScene` made. */
const writes = {
  "accept in full": ({ fresh }) => tasks.accept(fresh, "full"),
  accept: ({ fresh }) => tasks.accept(fresh, "process"),
  acceptRetry: ({ retry }) => tasks.acceptRetry(retry),
  change: ({ running }) =>
    tasks.change(running.message.id, { attempt: 1 }, { state: "succeeded", response: "done" }, "process"),
  recordLate: ({ old, running }) =>
    tasks.recordLate(old.message.id, { ...(running.attempts[0] ?? createSampleAttempt(systemIds.node())) }),
  discard: ({ old }) => tasks.discard(old.message.id, 9),
  deleteFinished: () => tasks.deleteFinished({ endedBeforeMs: 1e15, after: null, limit: 10 }),
} satisfies Record<string, (scene: Scene) => Promise<unknown>>;

interface Scene {
  readonly old: Task;
  readonly running: Task;
  /** Of `old`. */
  readonly retry: Task;
  readonly fresh: Task;
}

async function createScene(message: Partial<Task["message"]> = {}): Promise<Scene> {
  const old = failed();
  const running = createSampleTask({ state: "running", attempts: [createSampleAttempt(systemIds.node())] });
  for (const task of [old, running]) await tasks.accept(task, "process");
  return {
    old,
    running,
    retry: createSampleTask({}, { ...message, retryOf: old.message.id }),
    fresh: createSampleTask({}, message),
  };
}

async function expectUntouched({ old, running }: Scene): Promise<void> {
  expect(await tasks.get(old.message.id)).toEqual(old);
  expect(await tasks.get(running.message.id)).toEqual(running);
  expect(await tasks.count()).toBe(2);
}

describe("a database that may not be written", () => {
  for (const [name, write] of Object.entries(writes)) {
    test(`refuses ${name} with the reason, and takes it once it may`, async () => {
      const scene = await createScene();
      database.run("pragma query_only = on");
      await expect(write(scene)).rejects.toMatchObject(unavailable("may not be written"));
      await expectUntouched(scene);
      database.run("pragma query_only = off");
      await write(scene);
    });
  }
});

describe("a full disk", () => {
  for (const name of ["accept in full", "accept", "acceptRetry"] as const) {
    test(`refuses ${name} with the reason, and takes it once there is room`, async () => {
      const scene = await createScene({ content: "x".repeat(100_000) });
      const pages = database.query<[number], []>("pragma page_count").values()[0]?.[0] ?? 0;
      database.run(`pragma max_page_count = ${pages}`);
      await expect(writes[name](scene)).rejects.toMatchObject(unavailable("the disk is full"));
      await expectUntouched(scene);
      // What needs no room goes on.
      expect(await writes.discard(scene)).toBe(true);
      database.run("pragma max_page_count = 1000000");
      expect(await writes[name](scene)).toBeNull();
      expect(await tasks.count()).toBe(3);
    });
  }
});

describe("a disk that does not take what was committed", () => {
  const ioError = () => Object.assign(new Error("i/o error"), { code: "EIO" });

  test("refuses an accepted task, and nothing of it is there", async () => {
    const scene = await createScene({ idempotencyKey: "key", bodyHash: "00" });
    flushFault = ioError();
    await expect(tasks.accept(scene.fresh, "full")).rejects.toMatchObject(unavailable("EIO"));
    await expectUntouched(scene);
    expect(await tasks.findByKey("token_admin", "key")).toBeNull();
  });

  test("refuses a repeat of the key that came meanwhile too", async () => {
    const scene = await createScene({ idempotencyKey: "key", bodyHash: "00" });
    const twin = createSampleTask({}, { idempotencyKey: "key", bodyHash: "00" });
    flushFault = ioError();
    const settled = await Promise.allSettled([tasks.accept(scene.fresh, "full"), tasks.accept(twin, "full")]);
    expect(settled.map((result) => result.status)).toEqual(["rejected", "rejected"]);
    await expectUntouched(scene);
  });

  test("lets a task whose retry was refused be run again", async () => {
    const scene = await createScene();
    flushFault = ioError();
    await expect(tasks.acceptRetry(scene.retry)).rejects.toMatchObject(unavailable("EIO"));
    await expectUntouched(scene);
    flushFault = null;
    clock.advance(failedPauseMs);
    expect(await tasks.acceptRetry(scene.retry)).toBeNull();
    expect(await tasks.get(scene.old.message.id)).toMatchObject({ retriedAs: scene.retry.message.id });
  });

  test("leaves no rule that its caller was told has failed", async () => {
    flushFault = ioError();
    await expect(rules.add(systemIds.rule(), { match: { wildcard: true } })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    expect(await rules.list()).toEqual([]);
  });

  test("is not asked again for a second, then makes sure of everything before anything is accepted", async () => {
    const scene = await createScene();
    flushFault = ioError();
    await expect(tasks.accept(scene.fresh, "full")).rejects.toThrow("EIO");
    flushFault = null;
    await expect(tasks.accept(scene.fresh, "full")).rejects.toThrow("EIO");
    expect(flushes).toBe(1);
    await expectUntouched(scene);
    clock.advance(failedPauseMs);
    expect(await tasks.accept(scene.fresh, "full")).toBeNull();
    expect(flushes).toBe(3);
    expect(await tasks.get(scene.fresh.message.id)).toEqual(scene.fresh);
  });

  describe("nor lets it be taken back", () => {
    /** The flush fails, and from then on nothing can be written; a caller was refused. */
    async function refuseOne(task: Task): Promise<void> {
      flushFault = ioError();
      onFlush = () => database.run("pragma query_only = on");
      await expect(tasks.accept(task, "full")).rejects.toThrow("may be there all the same");
    }
    function mendDisk(): void {
      flushFault = null;
      onFlush = () => {};
      database.run("pragma query_only = off");
    }

    test("shows no caller what was refused: neither by its key nor in a list", async () => {
      const scene = await createScene({ idempotencyKey: "key", bodyHash: "00" });
      await refuseOne(scene.fresh);
      const { id } = scene.fresh.message;
      const page = { after: null, limit: 9, order: "oldest" } as const;
      for (const read of [
        () => tasks.findByKey("token_admin", "key"),
        () => tasks.get(id),
        () => tasks.list(anyTask, page),
        () => tasks.listUnfinished(),
      ]) {
        await expect(read()).rejects.toMatchObject(unavailable("still to be taken back"));
      }
      mendDisk();
      // The next write takes it back first, so the key is free for its repeat.
      clock.advance(failedPauseMs);
      const twin = createSampleTask({}, { idempotencyKey: "key", bodyHash: "00" });
      expect(await tasks.accept(twin, "full")).toBeNull();
      expect(await tasks.findByKey("token_admin", "key")).toEqual(twin);
      expect(await tasks.get(id)).toBeNull();
    });

    test("takes it back by itself later, and brings that to the disk", async () => {
      const scene = await createScene();
      await refuseOne(scene.fresh);
      const before = flushes;
      clock.advance(healPauseMs);
      await nextLoopTurn();
      await expect(tasks.count()).rejects.toMatchObject(unavailable("still to be taken back"));
      mendDisk();
      clock.advance(2 * healPauseMs);
      await nextLoopTurn();
      await expectUntouched(scene);
      expect(flushes).toBe(before + 1);
    });

    test("takes it back when it is closed", async () => {
      const scene = await createScene();
      await refuseOne(scene.fresh);
      mendDisk();
      committer.close();
      const rows = database.query("select id from tasks where id = ?").all(scene.fresh.message.id);
      expect(rows).toEqual([]);
    });

    test("takes back what was refused while it was being closed", async () => {
      const scene = await createScene();
      flushFault = ioError();
      onFlush = () => database.run("pragma query_only = on");
      const refused = tasks.accept(scene.fresh, "full");
      committer.close();
      await expect(refused).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      mendDisk();
      committer.close();
      const rows = database.query("select id from tasks where id = ?").all(scene.fresh.message.id);
      expect(rows).toEqual([]);
    });
  });

  test("leaves no record of a task that ended as it was accepted", async () => {
    const scene = await createScene();
    flushFault = ioError();
    const ended = failed();
    await expect(tasks.accept(ended, "full")).rejects.toMatchObject(unavailable("EIO"));
    await expectUntouched(scene);
  });

  test("does not stop what only has to survive this process", async () => {
    const scene = await createScene();
    flushFault = ioError();
    await expect(shared.syncNow()).rejects.toMatchObject(unavailable("EIO"));
    expect(await writes.change(scene)).toBe(true);
    expect(await tasks.accept(scene.fresh, "process")).toBeNull();
  });
});
