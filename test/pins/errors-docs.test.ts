import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { errorCatalogue } from "../../src/protocol/errors.ts";
import { FailureClass, RuntimeErrorKind } from "../../src/protocol/failure.ts";

const page = await Bun.file(join(import.meta.dir, "..", "..", "docs", "reference", "errors.md")).text();

/** Rows `| `CODE` | status | exit | text |`. */
const documented = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d) \| (.+) \|$/gm)].map(
  ([, code = "", status, exit, text = ""]) => ({ code, status: Number(status), exit: Number(exit), text }),
);

describe("docs/reference/errors.md", () => {
  test("has every code once, and no other", () => {
    expect(documented.map(({ code }) => code).sort()).toEqual(Object.keys(errorCatalogue).sort());
  });

  test("tells the HTTP status and the exit code that are given", () => {
    const told = Object.fromEntries(documented.map(({ code, status, exit }) => [code, { status, exit }]));
    const given = Object.fromEntries(
      Object.entries(errorCatalogue).map(([code, { status, exit }]) => [code, { status, exit }]),
    );
    expect(told).toEqual(given);
  });

  test("explains each code in a sentence", () => {
    expect(documented.filter(({ text }) => text.length < 20)).toEqual([]);
  });

  test("explains every failure class and kind", () => {
    const classes = [...page.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name ?? "");
    expect(classes.sort()).toEqual([...FailureClass.options].sort());
    expect(RuntimeErrorKind.options.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
  });
});
