import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { systemIds } from "../../platform/ids.ts";
import { closeDatabase, type Database, openDatabase } from "../../platform/sqlite.ts";
import { migrations } from "./migrations/index.ts";
import { createSqliteStore } from "./sqlite-store.ts";

const fact = {
  at: "2026-11-22T10:00:00.000Z",
  subject: "admin",
  address: null,
  action: "rule.add",
  target: null,
  result: "ok",
  details: {},
};

describe("the database refuses to", () => {
  let directory: Awaited<ReturnType<typeof createTempDir>>;
  let database: Database;

  beforeEach(async () => {
    directory = await createTempDir();
    const file = join(directory.path, "mesh.db");
    const store = await createSqliteStore({ file, clock: systemClock, ids: systemIds });
    await store.audit.append([fact, fact, fact, fact, fact]);
    await store.close();
    database = openDatabase({ file, migrations, clock: systemClock });
  });
  afterEach(async () => {
    closeDatabase(database);
    await directory[Symbol.asyncDispose]();
  });

  const others = "at, subject, address, action, target, result, details";
  const copyOf = (seq: string, previousHash: string) =>
    `select ${seq}, ${others}, ${previousHash}, hash from audit where seq = 3`;

  test.each([
    ["change an entry", "update audit set subject = 'nobody' where seq = 3"],
    ["change the newest entry", "update audit set result = 'ok ' where seq = 5"],
    ["move an entry", "update audit set seq = 9 where seq = 5"],
    ["delete an entry in the middle", "delete from audit where seq = 3"],
    ["delete the newest entry", "delete from audit where seq = 5"],
    ["delete all entries", "delete from audit"],
    ["replace an entry", `insert or replace into audit ${copyOf("3", "previous_hash")}`],
    ["replace the newest entry", `insert or replace into audit ${copyOf("5", "previous_hash")}`],
    ["leave a gap", `insert into audit ${copyOf("7", "(select hash from audit where seq = 5)")}`],
    ["insert before the first", `insert into audit ${copyOf("0", "previous_hash")}`],
    ["add an entry that does not follow the last", `insert into audit ${copyOf("6", "previous_hash")}`],
  ])("%s", (_, statement) => {
    const before = database.query("select * from audit order by seq").all();
    expect(() => database.run(statement)).toThrow("append-only");
    expect(database.query("select * from audit order by seq").all()).toEqual(before);
  });

  test("nothing when the oldest entries are deleted in their order", () => {
    database.run("delete from audit where seq = 1");
    database.run("delete from audit where seq < 4");
    expect(database.query("select seq from audit order by seq").all()).toEqual([{ seq: 4 }, { seq: 5 }]);
  });
});
