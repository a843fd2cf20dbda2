import { describe, expect, test } from "bun:test";
import { summarise } from "./ci-summary.ts";

const green = `<testsuites><testsuite name="a.test.ts" file="a.test.ts" tests="2">
  <testcase name="one" file="a.test.ts" />
  <testcase name="two" file="a.test.ts" assertions="1" />
</testsuite></testsuites>`;

const red = `<testsuites><testsuite name="a.test.ts" file="a.test.ts" tests="2">
  <testcase name="one" file="a.test.ts" />
  <testcase name="two" file="a.test.ts"><failure type="Error">
    at a.test.ts:1</failure></testcase>
  <testcase name="three" file="a.test.ts"><skipped /></testcase>
</testsuite></testsuites>`;

const ok = { name: "lint", exitCode: 0 };

describe("the summary of a CI run", () => {
  test("counts passed tests", () => {
    const summary = summarise([ok], [{ step: "tests", xml: green, expectedFiles: ["a.test.ts"] }]);
    expect(summary).toEqual({ passed: 2, failed: 0, notes: [] });
  });

  test("counts a failed test once, though its step failed too", () => {
    const summary = summarise(
      [{ name: "tests", exitCode: 2 }],
      [{ step: "tests", xml: red, expectedFiles: ["a.test.ts"] }],
    );
    expect(summary.passed).toBe(1);
    expect(summary.notes).toEqual(["tests: failed in a.test.ts: two", "tests: skipped in a.test.ts: three"]);
  });

  test("counts a failed step without a report as one failure", () => {
    const summary = summarise([{ name: "lint", exitCode: 1 }], []);
    expect(summary).toEqual({ passed: 0, failed: 1, notes: ["lint: exit code 1"] });
  });

  test("fails a file that the report does not know", () => {
    const summary = summarise(
      [ok],
      [{ step: "tests", xml: green, expectedFiles: ["a.test.ts", "b.test.ts"] }],
    );
    expect(summary.notes).toEqual(["tests: not run: b.test.ts"]);
  });

  test("counts what another step ran too only once, and fails it in either", () => {
    const both = `<testsuites><testsuite name="a.test.ts" file="a.test.ts"><testcase name="one" file="a.test.ts" />
      </testsuite><testsuite name="s/b.test.ts" file="s/b.test.ts"><testcase name="two" file="s/b.test.ts" /></testsuite>`;
    const security = { step: "security", xml: both, expectedFiles: ["s/b.test.ts"], countedFolder: "s/" };
    expect(summarise([ok], [security])).toEqual({ passed: 1, failed: 0, notes: [] });
    expect(summarise([ok], [{ ...security, xml: red, expectedFiles: [] }]).failed).toBe(2);
  });

  test("fails a run that wrote no report, and one without tests", () => {
    const missing = { step: "tests", xml: null, expectedFiles: [] };
    const empty = { step: "openclaw", xml: "<testsuites></testsuites>", expectedFiles: [] };
    expect(summarise([ok], [missing, empty]).notes).toEqual([
      "tests: no report was written",
      "openclaw: no test was run",
    ]);
  });
});
