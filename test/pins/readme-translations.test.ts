import { describe, expect, test } from "bun:test";
import { basename, join } from "node:path";
import { markdownHeadings, markdownLinks, withoutCode } from "../support/markdown.ts";

const root = join(import.meta.dir, "..", "..");

const pairs = [
  ["README.md", "README.zh-CN.md"],
  ["docs/how-to/troubleshooting.md", "docs/how-to/troubleshooting.zh-CN.md"],
  ["docs/how-to/tasks.md", "docs/how-to/tasks.zh-CN.md"],
  ["docs/how-to/access.md", "docs/how-to/access.zh-CN.md"],
  ["docs/how-to/audit.md", "docs/how-to/audit.zh-CN.md"],
  ["docs/how-to/tls.md", "docs/how-to/tls.zh-CN.md"],
  ["docs/how-to/direct-transport.md", "docs/how-to/direct-transport.zh-CN.md"],
  ["docs/how-to/openclaw.md", "docs/how-to/openclaw.zh-CN.md"],
  ["docs/how-to/supervise.md", "docs/how-to/supervise.zh-CN.md"],
  ["docs/how-to/several-runtimes.md", "docs/how-to/several-runtimes.zh-CN.md"],
  ["docs/how-to/zeroclaw.md", "docs/how-to/zeroclaw.zh-CN.md"],
  ["docs/how-to/acp.md", "docs/how-to/acp.zh-CN.md"],
  ["docs/how-to/command.md", "docs/how-to/command.zh-CN.md"],
  ["docs/how-to/openai.md", "docs/how-to/openai.zh-CN.md"],
  ["docs/how-to/auto-install.md", "docs/how-to/auto-install.zh-CN.md"],
  ["docs/how-to/skills.md", "docs/how-to/skills.zh-CN.md"],
  ["docs/how-to/seed.md", "docs/how-to/seed.zh-CN.md"],
  ["docs/how-to/service.md", "docs/how-to/service.zh-CN.md"],
  ["docs/how-to/remote-hosts.md", "docs/how-to/remote-hosts.zh-CN.md"],
  ["docs/how-to/lab.md", "docs/how-to/lab.zh-CN.md"],
  ["docs/reference/files.md", "docs/reference/files.zh-CN.md"],
  ["docs/explanation/threat-model.md", "docs/explanation/threat-model.zh-CN.md"],
  ["docs/explanation/trust.md", "docs/explanation/trust.zh-CN.md"],
] as const;

const translated: ReadonlySet<string> = new Set(pairs.map(([english]) => basename(english)));

/** Code without its comments, which are words and get translated. */
function codeBlocks(text: string): readonly string[] {
  return [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = "", code = ""]) => `${language}\n${code.replaceAll(/(^|\s+)# .*$/gm, "")}`,
  );
}

/**
 * Links to a translated page lead to the page of the same language, where headings have other names; one to the other
 * language is no content.
 */
function comparableLinks(text: string, own: readonly string[]): readonly string[] {
  return markdownLinks(text)
    .filter((target) => !own.includes(target))
    .map((target) => target.replace(/^#.*/, "#").replace(/\.zh-CN\.md(#.*)?$/, ".md"))
    .map((target) =>
      translated.has(basename(target.replace(/#.*/, ""))) ? target.replace(/#.*/, "") : target,
    );
}

/** How many items, table rows and paragraphs stand under each heading. */
function outline(text: string): readonly string[] {
  const sections = withoutCode(text).split(/^#+ .*$/m);
  return sections.map((section) => {
    const lines = section.split("\n");
    const count = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length;
    return `${count(/^- /)} items, ${count(/^\|/)} rows`;
  });
}

for (const [english, chinese] of pairs) {
  describe(`${english} and ${chinese}`, async () => {
    const [left, right] = await Promise.all(
      [english, chinese].map((path) => Bun.file(join(root, path)).text()),
    );
    if (left === undefined || right === undefined) throw new Error("a page is missing");
    const names = [english, chinese].map((path) => path.split("/").at(-1) ?? path);

    test("have headings of the same levels in the same order", () => {
      const levels = (text: string) => markdownHeadings(text).map(({ level }) => level);
      expect(levels(right)).toEqual(levels(left));
    });

    test("have lists and tables of the same length under each heading", () => {
      expect(outline(right)).toEqual(outline(left));
    });

    test("have the same code", () => {
      expect(codeBlocks(right)).toEqual(codeBlocks(left));
    });

    test("have the same links", () => {
      expect(comparableLinks(right, names)).toEqual(comparableLinks(left, names));
    });

    test("are in two languages", () => {
      const share = (text: string) => (text.match(/\p{Script=Han}/gu)?.length ?? 0) / text.length;
      expect(share(left)).toBeLessThan(0.01);
      expect(share(right)).toBeGreaterThan(0.15);
    });
  });
}
