import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RuntimeKind } from "../../src/protocol/capability.ts";
import { Effects } from "../../src/protocol/message.ts";
import { StrategyName } from "../../src/protocol/rule.ts";

const root = join(import.meta.dir, "..", "..");
const page = await Bun.file(join(root, "docs", "glossary.md")).text();
const english = await Bun.file(join(root, "README.md")).text();
const chinese = await Bun.file(join(root, "README.zh-CN.md")).text();

/** Rows `| word | 中文 | meaning |`. */
const rows = [...page.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  .map(([, word = "", translation = "", meaning = ""]) => ({ word, translation, meaning }))
  .filter(({ word }) => word !== "word" && !/^-+$/.test(word));

/** The words on which all others rest. */
const foundation = [
  ...["mesh", "coordinator", "node", "runtime", "gateway", "link", "message", "task", "attempt", "effects"],
  ...["grace", "journal", "requirement", "capability", "skill", "slot", "rule", "decision", "session"],
  ...["group", "invite", "cordon", "drain", "peer"],
];

describe("docs/glossary.md", () => {
  test("has the words on which all others rest", () => {
    const words = rows.map(({ word }) => word);
    expect(foundation.filter((word) => !words.includes(word))).toEqual([]);
  });

  test("has the words of the queue and of the laboratory", () => {
    const words = rows.map(({ word }) => word);
    const queue = ["queued task", "parked", "waiting room", "lane", "dead letter", "circuit breaker"];
    expect([...queue, "laboratory", "fault", "ledger"].filter((word) => !words.includes(word))).toEqual([]);
  });

  test("has each word once, in either language", () => {
    const twice = (values: readonly string[]) => values.filter((value, at) => values.indexOf(value) !== at);
    expect(twice(rows.map(({ word }) => word))).toEqual([]);
    expect(twice(rows.map(({ translation }) => translation))).toEqual([]);
  });

  test("explains each word in both languages", () => {
    const isChinese = (text: string | undefined) => text !== undefined && /\p{Script=Han}/u.test(text);
    const incomplete = rows.filter(({ translation, meaning }) => {
      const [left = "", right] = meaning.split(" · ");
      return !isChinese(translation) || isChinese(left) || left.length < 10 || !isChinese(right);
    });
    expect(incomplete.map(({ word }) => word)).toEqual([]);
  });

  test("names every runtime, every strategy and both effects", () => {
    const closed = [...RuntimeKind.options, ...StrategyName.options, ...Effects.options];
    expect(closed.filter((word) => !page.includes(`\`${word}\``))).toEqual([]);
  });
});

describe("the Chinese README", () => {
  // A word counts as used when it stands outside of code.
  const prose = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, "").replaceAll(/`[^`\n]*`/g, "");

  test("uses the Chinese of the glossary where the English one uses its words", () => {
    const missing = rows
      .filter(({ word }) => foundation.includes(word))
      .filter(({ word }) => new RegExp(`\\b${word}s?\\b`, "i").test(prose(english)))
      .filter(({ translation }) => !prose(chinese).includes(translation));
    expect(missing.map(({ word, translation }) => `${word}: ${translation}`)).toEqual([]);
  });
});
