import { join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { closeDatabase, openDatabase } from "../../../src/platform/sqlite.ts";
import { migrations } from "../../../src/store/sqlite/migrations/index.ts";
import { createTempDir } from "../temp-dir.ts";

/** What a new database looks like after all migrations, as SQLite itself tells it, by name. */
export async function dumpSchema(): Promise<string> {
  await using directory = await createTempDir();
  const database = openDatabase({ file: join(directory.path, "mesh.db"), migrations, clock: systemClock });
  const rows = database
    .query<{ sql: string }, []>(
      "select sql from sqlite_schema where sql is not null order by tbl_name, type desc, name",
    )
    .all();
  closeDatabase(database);
  const version = `pragma user_version = ${migrations.length};`;
  return `${[version, ...rows.map((row) => `${row.sql};`)].join("\n\n")}\n`;
}
