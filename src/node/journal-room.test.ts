import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { silentLog } from "../platform/log.ts";
import { acquireLock } from "../platform/process-lock.ts";
import { maxJournalAgeMs, maxJournalBytes } from "./journal.ts";
import { loadJournalRoom, maxAllJournalBytes, minJournalBytes, removeOldJournals } from "./journal-room.ts";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const nowMs = 1_900_000_000_000;

async function setUp() {
  const dir = await createTempDir();
  opened.push(() => dir[Symbol.asyncDispose]());
  /** A journal of so many bytes; they take no room on the disk. */
  const journal = (mesh: string, bytes: number, ageMs = 0) => {
    const folder = join(dir.path, "nodes", mesh, "worker");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "journal.db");
    for (const [path, length] of [
      [file, bytes],
      [`${file}-wal`, 0],
    ] as const) {
      writeFileSync(path, "");
      truncateSync(path, length);
      utimesSync(path, (nowMs - ageMs) / 1000, (nowMs - ageMs) / 1000);
    }
    return file;
  };
  return { journal, own: journal("mesh_own", 1_000) };
}

describe("the room of a journal", () => {
  test("is all of it beside small ones", async () => {
    const { journal, own } = await setUp();
    journal("mesh_other", 1_000_000);
    expect(loadJournalRoom(own)).toBe(maxJournalBytes);
  });

  test("is what the others leave, and never nothing", async () => {
    const { journal, own } = await setUp();
    journal("mesh_one", maxAllJournalBytes - maxJournalBytes + 1_000);
    expect(loadJournalRoom(own)).toBe(maxJournalBytes - 1_000);
    journal("mesh_two", maxAllJournalBytes);
    expect(loadJournalRoom(own)).toBe(minJournalBytes);
  });
});

describe("journals of other identities", () => {
  test("go when nobody has written to them for seven days; one's own stays", async () => {
    const { journal } = await setUp();
    const own = journal("mesh_own", 1_000, maxJournalAgeMs + 1);
    const old = journal("mesh_old", 1_000, maxJournalAgeMs + 1);
    const young = journal("mesh_young", 1_000, maxJournalAgeMs - 1_000);
    removeOldJournals(own, { nowMs, log: silentLog });
    expect([own, young, old, `${old}-wal`].map((file) => existsSync(file))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("stay while somebody has them open", async () => {
    const { journal, own } = await setUp();
    const old = journal("mesh_old", 1_000, maxJournalAgeMs + 1);
    const lock = acquireLock(join(old, "..", "lock"));
    if ("heldBy" in lock) throw new Error("held");
    removeOldJournals(own, { nowMs, log: silentLog });
    expect(existsSync(old)).toBeTrue();
    lock.release();
  });
});
