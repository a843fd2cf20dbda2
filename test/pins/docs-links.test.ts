import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { markdownHeadings, markdownLinks } from "../support/markdown.ts";

const root = join(import.meta.dir, "..", "..");
const pages = [
  ...new Bun.Glob("*.md").scanSync({ cwd: root }),
  ...new Bun.Glob("docs/**/*.md").scanSync({ cwd: root }),
].sort();
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await Bun.file(join(root, page)).text()] as const)),
);

interface Link {
  readonly page: string;
  readonly path: string;
  readonly anchor: string;
}

/** Links into this repository, their paths relative to its root. */
const links: readonly Link[] = [...texts].flatMap(([page, text]) =>
  markdownLinks(text)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = "", anchor = ""] = target.split("#");
      return { page, anchor, path: file === "" ? page : join(dirname(page), decodeURIComponent(file)) };
    }),
);

describe("the links of the documentation", () => {
  test("are found by this test", () => {
    expect(pages.length).toBeGreaterThan(20);
    expect(links.length).toBeGreaterThan(80);
  });

  test("lead to files that are there", () => {
    const broken = links.filter(({ path }) => !existsSync(join(root, path)));
    expect(broken.map(({ page, path }) => `${page}: ${path}`)).toEqual([]);
  });

  test("lead to headings that are there", () => {
    const broken = links.filter(({ path, anchor }) => {
      const text = texts.get(path);
      if (anchor === "" || text === undefined) return false;
      return !markdownHeadings(text).some((heading) => heading.anchor === anchor);
    });
    expect(broken.map(({ page, path, anchor }) => `${page}: ${path}#${anchor}`)).toEqual([]);
  });
});

describe("source files that the documentation names", () => {
  test("are there", () => {
    const named = [...texts].flatMap(([page, text]) =>
      [...text.matchAll(/`((?:src|test|scripts)\/[\w./-]+\.(?:ts|sql|sh))`/g)].map(([, path = ""]) => ({
        page,
        path,
      })),
    );
    expect(named.length).toBeGreaterThan(50);
    // A name with a placeholder, such as 000N.sql, is none.
    const missing = named.filter(({ path }) => !path.includes("000N") && !existsSync(join(root, path)));
    expect(missing.map(({ page, path }) => `${page}: ${path}`)).toEqual([]);
  });
});
