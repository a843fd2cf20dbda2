import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { systemIds } from "../../platform/ids.ts";
import { listBackups } from "../../platform/sqlite-backups.ts";
import { maxCheckedBytes } from "../../platform/sqlite-soundness.ts";
import type { MeshError } from "../../protocol/errors.ts";
import type { Store } from "../store.ts";
import { backupIntervalMs, firstBackupMs } from "./backup-schedule.ts";
import { createSqliteStore } from "./sqlite-store.ts";

let directory: string;
let file: string;
let clock: ReturnType<typeof createManualClock>;
let events: { message: string; facts: Readonly<Record<string, unknown>> }[];
let onEvent: () => void;

beforeEach(() => {
  // A name that a shell would take apart.
  directory = mkdtempSync(join(tmpdir(), "it's a mesh-"));
  file = join(directory, "mesh.db");
  clock = createManualClock();
  events = [];
  onEvent = () => {};
});

afterEach(() => rmSync(directory, { recursive: true }));

function openStore(): Promise<Store> {
  const note = (message: string, facts = {}) => {
    events.push({ message, facts });
    onEvent();
  };
  return createSqliteStore({ file, clock, ids: systemIds, log: { info: note, warn: note, error: note } });
}

/** Lets the next automatic backup happen and waits for what is told of it. */
async function backUp(afterMs = firstBackupMs): Promise<void> {
  const told = new Promise<void>((resolve) => {
    onEvent = resolve;
  });
  clock.advance(afterMs);
  await told;
}

async function refusalOf(opening: Promise<Store>): Promise<MeshError> {
  const settled = await Promise.allSettled([opening]);
  const [result] = settled;
  if (result.status === "fulfilled") {
    await result.value.close();
    throw new Error("the store was opened");
  }
  return result.reason as MeshError;
}

const count = 200;

/** A store with tasks, the first half of them in its backup. */
async function createBackedUpStore() {
  const store = await openStore();
  const some = Array.from({ length: count }, () => createSampleTask());
  await Promise.all(some.slice(0, count / 2).map((task) => store.tasks.accept(task, "full")));
  await backUp();
  await Promise.all(some.slice(count / 2).map((task) => store.tasks.accept(task, "full")));
  return { store, backedUp: some.slice(0, count / 2) };
}

/** Overwrites a part of a file. */
function scribble(path: string, from: number, bytes: number): void {
  const content = readFileSync(path);
  content.fill("scribble ", from, from + bytes);
  writeFileSync(path, content);
}

describe("automatic backups", () => {
  test("hold what was committed, may be opened at once, and are for this user only", async () => {
    const { store, backedUp } = await createBackedUpStore();
    expect(events).toEqual([{ message: "the database was backed up", facts: expect.anything() }]);
    const backups = listBackups(file);
    expect(backups).toHaveLength(1);
    if (process.platform !== "win32") expect(statSync(backups[0] ?? "").mode & 0o777).toBe(0o600);
    await store.close();
    const copy = new Database(backups[0] ?? "");
    expect(copy.query("select id from tasks order by id").values().flat()).toEqual(
      backedUp.map((task) => task.message.id),
    );
    expect(copy.query("pragma integrity_check").values()).toEqual([["ok"]]);
    copy.close();
  });

  test("are made while tasks are written, and are whole", async () => {
    const store = await openStore();
    const large = "x".repeat(50_000);
    await Promise.all(
      Array.from({ length: 400 }, () =>
        store.tasks.accept(createSampleTask({}, { content: large }), "process"),
      ),
    );
    let isDone = false;
    const writing = (async () => {
      let written = 0;
      for (; !isDone; written += 1) await store.tasks.accept(createSampleTask(), "process");
      return written;
    })();
    await backUp();
    isDone = true;
    expect(await writing).toBeGreaterThan(10);
    const copy = new Database(listBackups(file)[0] ?? "");
    expect(copy.query("pragma integrity_check").values()).toEqual([["ok"]]);
    expect(copy.query<[number], []>("select count(*) from tasks").values()[0]?.[0]).toBeGreaterThanOrEqual(
      400,
    );
    copy.close();
    await store.close();
  });

  test("are the newest three", async () => {
    const store = await openStore();
    for (let index = 0; index < 5; index += 1) {
      await store.tasks.accept(createSampleTask(), "process");
      await backUp(backupIntervalMs);
    }
    expect(listBackups(file)).toHaveLength(3);
    await store.close();
  });

  test("end without a trace when the store is closed", async () => {
    const store = await openStore();
    await store.tasks.accept(createSampleTask(), "process");
    clock.advance(firstBackupMs);
    await store.close();
    expect(listBackups(file)).toEqual([]);
    expect(existsSync(`${file}-wal`)).toBe(false);
    const again = await openStore();
    expect(await again.tasks.count()).toBe(1);
    await again.close();
  });
});

describe("a start on a damaged database", () => {
  const damages: Readonly<Record<string, () => void>> = {
    "header was overwritten": () => scribble(file, 0, 100),
    "middle page was overwritten": () =>
      scribble(file, Math.floor(statSync(file).size / 8192 / 2) * 8192, 8192),
    "end was cut off": () => truncateSync(file, Math.floor(statSync(file).size / 8192 / 2) * 8192),
    "content is something else": () => writeFileSync(file, "hello ".repeat(10_000)),
    "first page alone is left": () => truncateSync(file, 8192),
    "WAL file was overwritten": () => writeFileSync(`${file}-wal`, "hello ".repeat(10_000)),
    "WAL header was overwritten": () => {
      writeFileSync(`${file}-wal`, Buffer.alloc(100_000, 7));
      writeFileSync(`${file}-shm`, Buffer.alloc(32_768));
    },
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`whose ${name} is refused, and the commands it names bring back the backup`, async () => {
      const { store, backedUp } = await createBackedUpStore();
      await store.close();
      damage();
      const refusal = await refusalOf(openStore());
      expect(refusal).toMatchObject({ code: "STORE_CORRUPT" });
      expect(refusal.message).toContain(file);
      const [, commands = ""] =
        /To go back to the newest backup, which is of [-:.TZ\d]+: (.+)$/.exec(refusal.hint) ?? [];
      expect(refusal.message).not.toMatch(/\n|\*\*\*/);
      expect(Bun.spawnSync(["sh", "-c", commands], { stderr: "inherit" }).exitCode).toBe(0);
      const restored = await openStore();
      expect((await restored.tasks.listUnfinished()).map((task) => task.message.id)).toEqual(
        backedUp.map((task) => task.message.id),
      );
      expect(restored.meshId).toBe(store.meshId);
      await restored.close();
    });
  }
});

describe("the way back", () => {
  const commandsOf = ({ hint }: MeshError) => /mkdir -p .+$/.exec(hint)?.[0] ?? "";
  const run = (commands: string) =>
    expect(Bun.spawnSync(["sh", "-c", commands], { stderr: "inherit" }).exitCode).toBe(0);

  test("passes over backups that are damaged, and says which; nothing that was moved away is overwritten", async () => {
    const { store, backedUp } = await createBackedUpStore();
    await store.close();
    const [sound = ""] = listBackups(file);
    const unsound = ["20980101T000000000Z", "20990101T000000000Z"].map((time) => `${file}.backup-v2-${time}`);
    for (const path of unsound) writeFileSync(path, readFileSync(sound));
    scribble(unsound[0] ?? "", 3 * 8192, 8192);
    writeFileSync(unsound[1] ?? "", "");
    for (let round = 0; round < 2; round += 1) {
      scribble(file, 0, 100);
      const refusal = await refusalOf(openStore());
      for (const path of unsound) expect(refusal.hint).toContain(basename(path));
      expect(refusal.hint).toContain("damaged as well");
      run(commandsOf(refusal));
      const restored = await openStore();
      expect((await restored.tasks.listUnfinished()).map((task) => task.message.id)).toEqual(
        backedUp.map((task) => task.message.id),
      );
      await restored.close();
      clock.advance(1);
    }
    const kept = readdirSync(directory).filter((name) => name.startsWith("mesh.db.damaged-"));
    expect(kept).toHaveLength(2);
    for (const name of kept) expect(readdirSync(join(directory, name))).toContain("mesh.db");
  });

  test("is to start anew when no backup is sound", async () => {
    const { store } = await createBackedUpStore();
    await store.close();
    const [backup = ""] = listBackups(file);
    scribble(backup, 0, 100);
    scribble(file, 0, 100);
    const refusal = await refusalOf(openStore());
    expect(refusal.hint).toContain(`There is no sound backup: ${basename(backup)}`);
    run(commandsOf(refusal));
    const anew = await openStore();
    expect(await anew.tasks.count()).toBe(0);
    await anew.close();
  });
});

describe("damage that shows while the store runs", () => {
  test("fails what meets it with a clear error, is told once with the way back, and ends the backups", async () => {
    const { store, backedUp } = await createBackedUpStore();
    const [id] = backedUp.map((task) => task.message.id);
    if (id === undefined) throw new Error("no task");
    // A row that no longer holds what it should, as overwritten pages do.
    const other = new Database(file);
    other.run("update tasks set labels = 'scribble' where id = ?", [id]);
    other.close();
    await expect(store.tasks.get(id)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    await expect(store.tasks.get(id)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    const told = events.filter((event) => event.message.includes("damaged"));
    expect(told).toMatchObject([{ facts: { hint: expect.stringContaining("mesh.db.backup-v") } }]);
    const before = listBackups(file);
    await backUp(2 * backupIntervalMs);
    expect(listBackups(file)).toEqual(before);
    await store.close();
  });

  test("is told of a database that is too large to be checked at its start", async () => {
    const first = await openStore();
    const content = "x".repeat(60_000);
    const some = Array.from({ length: 400 }, () => createSampleTask({}, { content }));
    await Promise.all(some.map((task) => first.tasks.accept(task, "process")));
    await backUp();
    await first.close();
    expect(statSync(file).size).toBeGreaterThan(maxCheckedBytes);
    scribble(file, 8 * 1024 * 1024, 1024 * 1024);
    const store = await openStore();
    const results = await Promise.allSettled(some.map((task) => store.tasks.get(task.message.id)));
    const failed = results.filter((result) => result.status === "rejected");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThan(some.length);
    for (const { reason } of failed) expect(reason).toMatchObject({ code: "STORE_CORRUPT" });
    expect(events.filter((event) => event.message.includes("damaged"))).toHaveLength(1);
    await store.close();
  });
});
