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

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "committer-"));
  database = new Database(join(directory, "test.db"));
  database.run("pragma journal_mode = wal");
  database.run("pragma synchronous = normal");
  database.run("create table words (word text primary key) strict");
  commits = [];
  committer = createCommitter({ database, clock: systemClock, onCommit: (commit) => commits.push(commit) });
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

const readSynchronous = () =>
  database.query<{ synchronous: number }, []>("pragma synchronous").get()?.synchronous;

describe("the committer", () => {
  test("commits the works of one loop turn together, in their order", async () => {
    const results = await Promise.all(
      ["c", "a", "b"].map((word) => committer.write("process", insert(word))),
    );
    expect(results).toEqual(["c", "a", "b"]);
    expect(commits).toEqual([{ durationMs: expect.any(Number), works: 3, full: false }]);
    expect(words()).toEqual(["a", "b", "c"]);
  });

  test("commits in full when one of them asks for it, and only then", async () => {
    const normal = 1;
    const full = 2;
    const both = [committer.write("process", readSynchronous), committer.write("full", readSynchronous)];
    expect(await Promise.all(both)).toEqual([full, full]);
    expect(await committer.write("process", readSynchronous)).toBe(normal);
    expect(commits.map((commit) => commit.full)).toEqual([true, false]);
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

    database.run("pragma max_page_count = 100000");
    expect(await committer.write("full", insert("small"))).toBe("small");
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
