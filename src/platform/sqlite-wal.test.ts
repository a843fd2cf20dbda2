import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "./clock.ts";
import { closeDatabase, openDatabase } from "./sqlite.ts";
import { createWalFlusher } from "./sqlite-wal.ts";

let directory: string;
let database: Database;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sqlite-wal-"));
  mkdirSync(join(directory, "real"));
  file = join(directory, "real", "mesh.db");
  const migrations = ["create table notes (note text not null) strict;"];
  database = openDatabase({ file, migrations, clock: systemClock });
});

afterEach(() => {
  closeDatabase(database);
  rmSync(directory, { recursive: true });
});

const write = (note: string) => database.run("insert into notes values (?)", [note]);

/** What the database file holds by itself. */
function notesWithoutWal(): unknown {
  const copy = join(directory, "copy.db");
  copyFileSync(file, copy);
  const reader = new Database(copy);
  const notes = reader.query("select note from notes").values().flat();
  reader.close();
  return notes;
}

test("a flush leaves the WAL as it is", async () => {
  const flusher = createWalFlusher(file, database);
  await flusher.flush();
  write("a");
  await flusher.flush();
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  await flusher.close();
});

test("the flush after a failed one writes everything a second time, into the database", async () => {
  const link = join(directory, "link");
  // There is no such directory yet, so the flush fails.
  const flusher = createWalFlusher(join(link, "mesh.db"), database);
  write("a");
  await expect(flusher.flush()).rejects.toMatchObject({ code: "ENOENT" });
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  await expect(flusher.flush()).rejects.toMatchObject({ code: "ENOENT" });

  symlinkSync(join(directory, "real"), link);
  write("b");
  await flusher.flush();
  expect(notesWithoutWal()).toEqual(["a", "b"]);
  expect(statSync(`${file}-wal`).size).toBe(0);
  write("c");
  await flusher.flush();
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  await flusher.close();
});

test("stays in doubt while another program reads, since the WAL cannot be emptied then", async () => {
  const link = join(directory, "link");
  const flusher = createWalFlusher(join(link, "mesh.db"), database);
  write("a");
  await expect(flusher.flush()).rejects.toMatchObject({ code: "ENOENT" });
  symlinkSync(join(directory, "real"), link);
  database.run("pragma busy_timeout = 0");
  const reader = new Database(file);
  reader.run("begin");
  reader.query("select * from notes").all();
  write("b");
  await expect(flusher.flush()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  reader.run("rollback");
  reader.close();
  await flusher.flush();
  expect(notesWithoutWal()).toEqual(["a", "b"]);
  await flusher.close();
});
