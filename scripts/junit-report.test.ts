import { describe, expect, test } from "bun:test";
import { parseJunit } from "./junit-report.ts";

const nested = `<testsuites name="bun test">
  <testsuite name="a.test.ts" file="a.test.ts" tests="4" hostname="vm">
    <testsuite name="outer &amp; &lt;b&gt;" file="a.test.ts" line="2">
      <testsuite name="inner" file="a.test.ts" line="2">
        <testcase name="case &quot;1&quot;" classname="inner &gt; outer" file="a.test.ts" assertions="1" />
        <testcase name="two" classname="inner &gt; outer" file="a.test.ts">
          <failure type="AssertionError" message="expect&#10;">expect</failure>
        </testcase>
      </testsuite>
      <testcase name="x" file="a.test.ts"><skipped /></testcase>
    </testsuite>
    <testcase name="alone" file="a.test.ts" />
  </testsuite>
  <testsuite name="b.test.ts" file="b.test.ts" tests="0" />
</testsuites>`;

describe("a JUnit report", () => {
  test("gives every test with the names around it, and how it ended", () => {
    expect(parseJunit(nested).tests.map(({ fullName, outcome }) => [fullName, outcome])).toEqual([
      ['outer & <b> > inner > case "1"', "passed"],
      ["outer & <b> > inner > two", "failed"],
      ["outer & <b> > x", "skipped"],
      ["alone", "passed"],
    ]);
  });

  test("tells the files that were loaded", () => {
    expect([...parseJunit(nested).files]).toEqual(["a.test.ts", "b.test.ts"]);
  });
});
