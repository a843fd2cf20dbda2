import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "yaml";
import { Secret } from "../protocol/secret.ts";
import { setConfigValue } from "./edit-config.ts";
import { printInitialConfig } from "./initial-config.ts";

const key = fc.constantFrom("port", "token", "name", "data_dir");
const section = fc.constantFrom("coordinator", "node", "tls");
const word = fc.stringMatching(/^[a-z][a-z0-9 ]{0,12}[a-z0-9]$/);
const comment = fc.stringMatching(/^# [a-z0-9 :{}'"]{0,20}[a-z0-9]$/);
const value = fc.oneof(word, fc.integer(), fc.boolean(), fc.string({ maxLength: 12 }));

/** A file of two levels with a comment wherever one may stand. */
const files = fc
  .array(
    fc.tuple(
      section,
      comment,
      fc.uniqueArray(fc.tuple(key, word, comment, comment), { minLength: 1, selector: ([k]) => k }),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((parts) => parts.filter(([name], index) => parts.findIndex(([other]) => other === name) === index))
  .map((parts) =>
    parts
      .map(([name, above, entries]) =>
        [
          above,
          `${name}:`,
          ...entries.flatMap(([k, v, before, behind]) => [
            `  ${before}`,
            `  ${k}: ${JSON.stringify(v)} ${behind}`,
          ]),
          "",
        ].join("\n"),
      )
      .join("\n"),
  );

const commentsOf = (text: string) =>
  text.split("\n").flatMap((line) => /(?:^|\s)(# .*)$/.exec(line)?.[1] ?? []);

test("an edit changes that value and keeps every comment", () => {
  fc.assert(
    fc.property(files, section, key, value, (text, sectionName, keyName, newValue) => {
      const edited = setConfigValue(text, [sectionName, keyName], newValue);
      const expected = parse(text);
      expected[sectionName] = { ...expected[sectionName], [keyName]: newValue };
      expect(parse(edited)).toEqual(expected);
      const kept = edited.split("\n").join("\n");
      for (const line of commentsOf(text)) expect(kept).toContain(line);
    }),
  );
});

test("the file that init writes keeps its comments when the port changes", () => {
  const text = printInitialConfig({ port: 9180, token: new Secret("abc"), nodeName: "mac" });
  const edited = setConfigValue(text, ["coordinator", "port"], 9200);
  expect(edited).toBe(text.replace("9180", "9200"));
});

test("a path through a value that is no map is refused", () => {
  expect(() => setConfigValue("coordinator: 5\n", ["coordinator", "port"], 1)).toThrow("not a map");
});
