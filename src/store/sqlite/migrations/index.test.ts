import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { migrations } from "./index.ts";

test("every migration of this folder is applied, in the order of its number", () => {
  const names = readdirSync(import.meta.dir)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  expect(names).toEqual(migrations.map((_, index) => `${String(index + 1).padStart(4, "0")}.sql`));
  expect(migrations).toEqual(names.map((name) => readFileSync(join(import.meta.dir, name), "utf8")));
});
