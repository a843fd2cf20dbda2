import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createPaint } from "./paint.ts";
import { toPrintable, toSafeLine, toSafeText } from "./safe-text.ts";
import { type Column, cutAtWord, cutToWidth, renderTable } from "./table.ts";

interface Row {
  readonly name: string;
  readonly skills: string;
}
const columns: readonly Column<Row>[] = [
  { header: "NAME", cell: (row) => ({ text: row.name }), minWidth: 6 },
  { header: "STATUS", cell: () => ({ text: "online", colour: "green" }) },
  { header: "SKILLS", cell: (row) => ({ text: row.skills }), minWidth: 8, dropOrder: 1 },
];
const wide = { columns: Number.POSITIVE_INFINITY, hasColour: false };

describe("a table", () => {
  test("keeps columns straight beside Chinese names", () => {
    const table = renderTable(
      columns,
      [
        { name: "办公室", skills: "a" },
        { name: "mac", skills: "b" },
      ],
      wide,
    );
    expect(table).toBe("NAME    STATUS  SKILLS\n办公室  online  a\nmac     online  b\n");
  });

  test("cuts wide columns to the terminal, and leaves columns out where that is not enough", () => {
    const rows = [{ name: "a-very-long-node-name", skills: "docker, python, nodejs, golang" }];
    const lines = (width: number) =>
      renderTable(columns, rows, { ...wide, columns: width })
        .trimEnd()
        .split("\n");
    expect(lines(40)[1]).toEndWith("…");
    expect(lines(20)[0]).toBe("NAME          STATUS");
    for (const width of [20, 26, 30, 40, 60]) {
      for (const line of lines(width)) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
    }
  });

  test("colours cells only where there are colours", () => {
    const rows = [{ name: "mac", skills: "" }];
    expect(renderTable(columns, rows, wide)).not.toContain("\u001b");
    const coloured = renderTable(columns, rows, { ...wide, hasColour: true });
    expect(coloured).toContain("\u001b[32monline\u001b[39m");
  });

  test("a name cannot break out of its cell", () => {
    const table = renderTable(columns, [{ name: "x\n\u001b[2Jevil\u202e", skills: "" }], wide);
    expect(table.split("\n")).toHaveLength(3);
    expect(table).not.toContain("\u001b");
    expect(table).not.toContain("\u202e");
  });
});

test("a cut text never takes more cells than it may", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (text, width) => {
      expect(Bun.stringWidth(cutToWidth(toSafeLine(text), width))).toBeLessThanOrEqual(width);
    }),
  );
});

test.each([
  ["waiting for the target mac-mini", 40, "waiting for the target mac-mini"],
  ["waiting for the target mac-mini, offline", 34, "waiting for the target mac-mini…"],
  ["waiting for the target mac-mini, offline", 29, "waiting for the target…"],
  ["waiting for averylongnamethatneverends", 30, "waiting for averylongnamethat…"],
  ["等待目标节点", 7, "等待目…"],
])("%p within %p cells is cut at a word: %p", (text, width, cut) => {
  expect(cutAtWord(text, width)).toBe(cut);
});

describe("text of other machines", () => {
  test("has a last look of its own: only our colours pass, and on a terminal only", () => {
    const text = "\u001b[31mred\u001b[39m \u001b[2J\u001b]0;title\u0007\u202eend";
    expect(toPrintable(text, true)).toBe("\u001b[31mred\u001b[39m end");
    expect(toPrintable(text, false)).toBe("red end");
  });

  test.each([
    ["a\u001b[31mred\u001b[0m", "ared"],
    ["title\u001b]0;pwned\u0007!", "title!"],
    ["link\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\", "linktext"],
    ["a\rb", "ab"],
    ["a\r\nb\tc", "a\nb\tc"],
    ["bell\u0007\u0008", "bell"],
    ["c1\u009b31m", "c1"],
    ["open\u001b]0;title", "open0;title"],
    ["zero\u200bwidth\ufeff", "zerowidth"],
    ["tags\u{e0041}\u{e007f}", "tags"],
    ["half \ud83d", "half \ufffd"],
    ["line\u2028end", "line\nend"],
    ["bidi\u202eabc\u2066", "bidiabc"],
    ["训练 👩‍💻 é", "训练 👩‍💻 é"],
  ])("%j is printed as %j", (text, safe) => {
    expect(toSafeText(text)).toBe(safe);
  });

  test("never holds a control character after it was made safe", () => {
    const hostile = fc.array(
      fc.oneof(fc.string(), fc.constantFrom("\u001b", "\u009b", "\u001b[", "\u001b]", "\u0007")),
    );
    fc.assert(
      fc.property(hostile, (parts) => {
        expect(toSafeText(parts.join(""))).not.toMatch(/(?![\n\t])\p{Cc}/u);
        expect(toSafeLine(parts.join(""))).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

test("paint leaves text alone where there are no colours", () => {
  expect(createPaint({ hasColour: false })("red", "x")).toBe("x");
  expect(createPaint({ hasColour: true })("red", "x")).toBe("\u001b[31mx\u001b[39m");
});
