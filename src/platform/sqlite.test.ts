import type { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "../../test/support/manual-clock.ts";
import { closeDatabase, openDatabase } from "./sqlite.ts";
import { listBackups } from "./sqlite-backups.ts";

const first = "create table notes (note text not null) strict;";
const second = "alter table notes add column mood text;";

let directory: string;
let file: string;
const clock = createManualClock();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sqlite-"));
  file = join(directory, "deep", "mesh.db");
});

afterEach(() => rmSync(directory, { recursive: true }));

function openAt(migrations: readonly string[]): Database {
  return openDatabase({ file, migrations, clock });
}

/** Opens, lets `use` do its work, closes. */
function visit(migrations: readonly string[], use: (database: Database) => void = () => {}): void {
  const database = openAt(migrations);
  use(database);
  closeDatabase(database);
}

const notes = (database: Database) => database.query("select * from notes").all();

describe("opening a database", () => {
  test("creates it and its directory for this user only", () => {
    const database = openAt([first]);
    database.run("insert into notes values ('a')");
    const modes = ["", "-wal", "-shm"].map((suffix) => statSync(file + suffix).mode & 0o777);
    if (process.platform !== "win32") {
      expect(modes).toEqual([0o600, 0o600, 0o600]);
      expect(statSync(join(directory, "deep")).mode & 0o777).toBe(0o700);
    }
    closeDatabase(database);
    expect(readdirSync(join(directory, "deep"))).toEqual(["mesh.db"]);
  });

  test("writes ahead and keeps what was written", () => {
    visit([first], (database) => {
      expect(database.query("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
      expect(database.query("pragma synchronous").get()).toEqual({ synchronous: 1 });
      database.run("insert into notes values ('a')");
    });
    visit([first], (database) => expect(notes(database)).toEqual([{ note: "a" }]));
  });

  test("says that the directory cannot be used when the file cannot be written", () => {
    writeFileSync(join(directory, "deep"), "in the way");
    expect(() => openAt([first])).toThrow(expect.objectContaining({ code: "DATA_DIR_UNUSABLE" }));
  });
});

describe("migrations", () => {
  test("bring an older database to the newest version and keep its data", () => {
    visit([first], (database) => database.run("insert into notes values ('a')"));
    visit([first, second], (database) => {
      expect(notes(database)).toEqual([{ note: "a", mood: null }]);
      expect(database.query("pragma user_version").get()).toEqual({ user_version: 2 });
    });
  });

  test("happen whole or not at all", () => {
    visit([first], (database) => database.run("insert into notes values ('a')"));
    expect(() => openAt([first, `${second} insert into missing values (1);`])).toThrow();
    visit([first, second], (database) => expect(notes(database)).toEqual([{ note: "a", mood: null }]));
  });

  test("refuse a database that a newer program wrote, and leave it as it is", () => {
    visit([first, second]);
    expect(() => openAt([first])).toThrow(expect.objectContaining({ code: "STORE_TOO_NEW" }));
    visit([first, second]);
  });

  test("refuse a database that was made by other migrations of the same number", () => {
    visit([first]);
    expect(() => openAt([`${first} -- otherwise`])).toThrow(
      expect.objectContaining({ code: "STORE_TOO_NEW" }),
    );
  });

  test("back a database up before they change it, and only then", () => {
    visit([first], (database) => database.run("insert into notes values ('a')"));
    visit([first]);
    expect(listBackups(file)).toEqual([]);
    visit([first, second]);
    const [backup = ""] = listBackups(file);
    if (process.platform !== "win32") expect(statSync(backup).mode & 0o777).toBe(0o600);
    rmSync(file);
    copyFileSync(backup, file);
    visit([first], (database) => expect(notes(database)).toEqual([{ note: "a" }]));
  });

  test("keep the backup of this version and of the one before", () => {
    const migrations = [first];
    visit(migrations);
    for (let version = 2; version <= 12; version += 1) {
      clock.skipWall(60_000);
      migrations.push(`create table table_${version} (a text) strict;`);
      visit(migrations);
    }
    const versions = listBackups(file).map((backup) => /-v(\d+)-/.exec(backup)?.[1]);
    expect(versions).toEqual(["11", "10"]);
  });
});

describe("a damaged database", () => {
  const damage = () => writeFileSync(file, "this is not a database ".repeat(1000));

  test("is refused with the way back to the newest backup", () => {
    visit([first]);
    visit([first, second]);
    damage();
    expect(() => openAt([first, second])).toThrow(
      expect.objectContaining({
        code: "STORE_CORRUPT",
        hint: expect.stringContaining(listBackups(file)[0] ?? "?"),
      }),
    );
  });

  test("is refused with the way to start anew when there is no backup, and left for inspection", () => {
    visit([first]);
    damage();
    expect(() => openAt([first])).toThrow(
      expect.objectContaining({ code: "STORE_CORRUPT", hint: expect.stringContaining("To start anew") }),
    );
    expect(existsSync(file)).toBe(true);
  });
});
