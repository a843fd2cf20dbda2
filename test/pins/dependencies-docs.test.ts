import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import packageFile from "../../package.json" with { type: "json" };

const page = await Bun.file(
  join(import.meta.dir, "..", "..", "docs", "development", "dependencies.md"),
).text();
const [shipped = "", development = ""] = page.split("## For development only");

/** Rows `| `package` | why | what would replace it |`. */
function packagesOf(section: string): readonly string[] {
  return [...section.matchAll(/^\| `([^`]+)` \| [^|]{10,} \| [^|]{4,} \|$/gm)].map(([, name = ""]) => name);
}

describe("docs/development/dependencies.md", () => {
  test("has a line for every dependency, in the right table, and for no other", () => {
    expect(packagesOf(shipped)).toEqual(Object.keys(packageFile.dependencies).sort());
    expect(packagesOf(development)).toEqual(Object.keys(packageFile.devDependencies).sort());
  });

  test("is told the truth about exact versions", () => {
    const versions = Object.values({ ...packageFile.dependencies, ...packageFile.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("goes with types of the Bun that make gets", () => {
    expect(packageFile.packageManager).toBe(`bun@${packageFile.devDependencies["@types/bun"]}`);
  });
});
