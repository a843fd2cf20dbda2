import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../platform/clock.ts";
import { MeshError } from "../../protocol/errors.ts";
import {
  type Commit,
  type Committer,
  createCommitter,
  maxQueuedWorks,
  maxWorksPerCommit,
} from "./committer.ts";

let directory: string;
let database: Database;
let committer: Committer;
let commits: Commit[];
let flushes: PromiseWithResolvers<void>[];
let isFlushHeld: boolean;
let hasFlushFailed: boolean;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "committer-"));
  database = new Database(join(directory, "test.db"));
  database.run("pragma journal_mode = wal");
  database.run("pragma synchronous = normal");
  database.run("create table words (word text primary key) strict");
  commits = [];
  flushes = [];
  isFlushHeld = false;
  hasFlushFailed = false;
  committer = createCommitter({
    database,
    clock: systemClock,
    flushing: {
      hasFailed: () => hasFlushFailed,
      syncNow: () => {
        const flush = Promise.withResolvers<void>();
        flushes.push(flush);
        if (!isFlushHeld) flush.resolve();
        return flush.promise;
      },
    },
    onCommit: (commit) => commits.push(commit),
  });
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

const insert = (word: string) => () => {
  database.run("insert into words values (?)", [word]);
  return word;
};

const words = () =>
  database
    .query<{ word: string }, []>("select word from words order by word")
    .all()
    .map((row) => row.word);

const remove = (word: string) => {
  database.run("delete from words where word = ?", [word]);
};

const noDisk = new MeshError("STORE_UNAVAILABLE", "the disk did not take it");

describe("the committer", () => {
  test("commits the works of one loop turn together, in their order", async () => {
    const results = await Promise.all(
      ["c", "a", "b"].map((word) => committer.write("process", insert(word))),
    );
    expect(results).toEqual(["c", "a", "b"]);
    expect(commits).toEqual([{ durationMs: expect.any(Number), works: 3, full: false }]);
    expect(words()).toEqual(["a", "b", "c"]);
  });

  test("lets those who asked for it wait for the disk, and only them", async () => {
    isFlushHeld = true;
    const done: string[] = [];
    const note = (word: string) => done.push(word);
    const all = [
      committer.write("full", insert("full")).then(note),
      committer.write("process", insert("process")).then(note),
    ];
    await all[1];
    expect(done).toEqual(["process"]);
    expect(words()).toEqual(["full", "process"]);
    expect(commits.map((commit) => commit.full)).toEqual([true]);
    flushes[0]?.resolve();
    await all[0];
    expect(done).toEqual(["process", "full"]);
    await committer.write("process", insert("other"));
    expect(flushes).toHaveLength(1);
    expect(commits.map((commit) => commit.full)).toEqual([true, false]);
  });

  test("takes back what the disk did not take before its caller learns of it", async () => {
    isFlushHeld = true;
    const refused = committer.write("full", insert("a"), remove);
    const kept = committer.write("full", insert("b"));
    await committer.write("process", insert("c"));
    flushes[0]?.reject(noDisk);
    expect(await Promise.allSettled([refused, kept])).toEqual([
      { status: "rejected", reason: noDisk },
      { status: "rejected", reason: noDisk },
    ]);
    // What has no undo may be there.
    expect(words()).toEqual(["b", "c"]);
  });

  test("says that it may be there when it could not be taken back, and takes it back with the next commit", async () => {
    database.run("pragma busy_timeout = 0");
    isFlushHeld = true;
    const refused = committer.write("full", insert("a"), remove);
    await committer.write("process", insert("b"));
    const other = new Database(join(directory, "test.db"));
    other.run("begin immediate");
    flushes[0]?.reject(noDisk);
    await expect(refused).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("may be there all the same"),
    });
    other.run("rollback");
    other.close();
    await committer.write("process", insert("c"));
    expect(words()).toEqual(["b", "c"]);
  });

  test("does nothing of a full write while it is unknown what the disk has, until it is known again", async () => {
    hasFlushFailed = true;
    isFlushHeld = true;
    const refused = committer.write("full", insert("a"));
    await committer.write("process", insert("b"));
    flushes[0]?.reject(noDisk);
    await expect(refused).rejects.toBe(noDisk);
    expect(words()).toEqual(["b"]);
    isFlushHeld = false;
    expect(await committer.write("full", insert("c"))).toBe("c");
    expect(words()).toEqual(["b", "c"]);
  });

  test("lets reads see what was awaited, and nothing that is queued", async () => {
    const written = committer.write("process", insert("a"));
    expect(await committer.read(words)).toEqual([]);
    await written;
    expect(await committer.read(words)).toEqual(["a"]);
  });

  test("rejects only the work that throws, and undoes what it had done", async () => {
    const refusal = new MeshError("NAME_TAKEN", "taken");
    const settled = await Promise.allSettled([
      committer.write("process", insert("before")),
      committer.write("process", () => {
        insert("undone")();
        throw refusal;
      }),
      committer.write("process", insert("before")),
      committer.write("process", insert("after")),
    ]);
    expect(settled).toEqual([
      { status: "fulfilled", value: "before" },
      { status: "rejected", reason: refusal },
      { status: "rejected", reason: expect.objectContaining({ code: "INTERNAL" }) },
      { status: "fulfilled", value: "after" },
    ]);
    expect(words()).toEqual(["after", "before"]);
    expect(commits).toHaveLength(1);
  });

  test("rejects all works of a turn when the disk is full, and works again when it has room", async () => {
    const { page_count: pages } = database.query<{ page_count: number }, []>("pragma page_count").get() ?? {
      page_count: 0,
    };
    database.run(`pragma max_page_count = ${pages + 2}`);
    const settled = await Promise.allSettled([
      committer.write("full", insert("small")),
      committer.write("full", insert("large".repeat(10_000))),
      committer.write("process", insert("other")),
    ]);
    for (const result of settled) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
      expect(result.status === "rejected" && String(result.reason)).toContain("the disk is full");
    }
    expect(words()).toEqual([]);
    expect(database.inTransaction).toBe(false);
    expect(committer.trouble()).toContain("the disk is full");

    database.run("pragma max_page_count = 100000");
    expect(await committer.write("full", insert("small"))).toBe("small");
    expect(committer.trouble()).toBeNull();
  });

  test("knows of trouble while its last flush has failed", async () => {
    expect(committer.trouble()).toBeNull();
    isFlushHeld = true;
    const refused = committer.write("full", insert("a"), remove);
    await committer.write("process", insert("b"));
    hasFlushFailed = true;
    flushes[0]?.reject(noDisk);
    await expect(refused).rejects.toBe(noDisk);
    expect(committer.trouble()).toBe(noDisk.message);
    hasFlushFailed = false;
    expect(committer.trouble()).toBeNull();
    committer.close();
  });

  test("refuses writes while another program holds the database, and works again afterwards", async () => {
    database.run("pragma busy_timeout = 0");
    const other = new Database(join(directory, "test.db"));
    other.run("begin immediate");
    const refused = committer.write("process", insert("a"));
    await expect(refused).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    other.run("rollback");
    other.close();
    await committer.write("process", insert("a"));
    expect(words()).toEqual(["a"]);
  });

  test("refuses writes beyond its limit at once, and commits the others in parts", async () => {
    const nothing = () => null;
    const writes = Array.from({ length: maxQueuedWorks }, () => committer.write("process", nothing));
    await expect(committer.write("process", nothing)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await Promise.all(writes);
    expect(commits.map((commit) => commit.works)).toEqual(
      Array.from({ length: maxQueuedWorks / maxWorksPerCommit }, () => maxWorksPerCommit),
    );
  });

  test("commits what is queued when it is closed, and refuses what comes later", async () => {
    const written = committer.write("process", insert("a"));
    committer.close();
    expect(words()).toEqual(["a"]);
    expect(await written).toBe("a");
    await expect(committer.write("process", insert("b"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await expect(committer.read(words)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
