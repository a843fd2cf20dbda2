import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadClaimAreas, securityAreas } from "./claims/index.ts";

const root = join(import.meta.dir, "..", "..");
const pages = ["docs/explanation/threat-model.md", "docs/explanation/threat-model.zh-CN.md"];
const areas = await loadClaimAreas();
const claims = areas.flatMap((area) => area.claims);
/** `area.word` in backticks, where the area is one of ours. */
const prefixes = new Set(claims.map(({ id }) => id.split(".")[0] ?? ""));

async function idsIn(page: string): Promise<readonly string[]> {
  const text = await Bun.file(join(root, page)).text();
  const named = [...text.matchAll(/`([a-z-]+\.[a-z0-9-]+)`/g)].map(([, id = ""]) => id);
  return [...new Set(named.filter((id) => prefixes.has(id.split(".")[0] ?? "")))];
}

describe("the claims", () => {
  test("are made for every area, and for no other", () => {
    expect(areas.map(({ name }) => name)).toEqual([...securityAreas]);
  });

  test("have names of two words and one sentence each, and no two the same name", () => {
    for (const { id, claim } of claims) {
      expect(id).toMatch(/^[a-z-]+\.[a-z0-9-]+$/);
      expect(claim).toMatch(/^[A-Z`].*\.$/);
    }
    expect(new Set(claims.map(({ id }) => id)).size).toBe(claims.length);
  });

  test.each(claims.map((claim) => [claim.id, claim] as const))(
    "%s names test files that are there",
    (_, { shownBy }) => {
      expect(shownBy.length).toBeGreaterThan(0);
      for (const { file } of shownBy)
        expect({ file, isThere: existsSync(join(root, file)) }).toEqual({ file, isThere: true });
    },
  );
});

describe.each(pages)("%s", (page) => {
  test("names every claim, and no other", async () => {
    expect([...(await idsIn(page))].sort()).toEqual(claims.map(({ id }) => id).sort());
  });
});
