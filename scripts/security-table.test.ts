import { describe, expect, test } from "bun:test";
import type { Claim } from "../test/security/claim.ts";
import { parseJunit } from "./junit-report.ts";
import {
  judgeClaims,
  renderSecurityMarkdown,
  renderSecurityTable,
  type SecurityResult,
  type SecurityRun,
} from "./security-table.ts";

/** A recorded run: `a.test.ts` is whole, of `b.test.ts` one failed and one was skipped. */
const xml = `<testsuites name="bun test">
  <testsuite name="a.test.ts" file="a.test.ts">
    <testsuite name="tokens" file="a.test.ts">
      <testcase name="one" file="a.test.ts" />
      <testcase name="two" file="a.test.ts" />
    </testsuite>
    <testcase name="three" file="a.test.ts" />
  </testsuite>
  <testsuite name="b.test.ts" file="b.test.ts">
    <testcase name="red" file="b.test.ts"><failure type="Error">no</failure></testcase>
    <testcase name="left out" file="b.test.ts"><skipped /></testcase>
  </testsuite>
</testsuites>`;

function claim(id: string, ...shownBy: Claim["shownBy"]): Claim {
  return { id, claim: `What ${id} says.`, shownBy };
}

function judge(claims: readonly Claim[], more: Partial<SecurityRun> = {}): SecurityResult {
  const reported = xml.replace(/<testsuite name="b[\s\S]*?<\/testsuite>\n/, "");
  return judgeClaims({
    claims,
    report: parseJunit(reported),
    tried: [],
    claimedFiles: [],
    exitCode: 0,
    ...more,
  });
}

describe("a claim", () => {
  test("holds when all its tests passed, and counts them with what they tried", () => {
    const { claims, problems, totals } = judge([claim("x.all", { file: "a.test.ts" })], {
      tried: [
        { claim: "x.all", cases: 500 },
        { claim: "x.all", cases: 20 },
      ],
    });
    expect(claims).toMatchObject([{ cases: 523, result: "ok", problems: [] }]);
    expect(problems).toEqual([]);
    expect(totals).toEqual({ claims: 1, failedClaims: 0, tests: 3, cases: 523 });
  });

  test("may be shown by some of the tests of a file", () => {
    const { claims } = judge([claim("x.some", { file: "a.test.ts", tests: "tokens > " })]);
    expect(claims).toMatchObject([{ cases: 2, result: "ok" }]);
  });

  test("counts a test once that two of its lines name", () => {
    const lines = [{ file: "a.test.ts" }, { file: "a.test.ts", tests: "tokens" }];
    expect(judge([claim("x.twice", ...lines)]).claims).toMatchObject([{ cases: 3 }]);
  });

  test("fails with a test that failed, and with one that was skipped", () => {
    const { claims } = judge([claim("x.red", { file: "b.test.ts" })], { report: parseJunit(xml) });
    expect(claims).toMatchObject([
      { result: "FAILED", problems: ["failed: b.test.ts: red", "skipped: b.test.ts: left out"] },
    ]);
  });

  test("fails without a test that ran: no file, no such name, nothing named", () => {
    const { claims } = judge([
      claim("x.file", { file: "a.test.ts" }, { file: "gone.test.ts" }),
      claim("x.name", { file: "a.test.ts", tests: "renamed" }),
      claim("x.none"),
    ]);
    expect(claims.map(({ problems }) => problems)).toEqual([
      ["no test ran: gone.test.ts"],
      ["no test ran: a.test.ts: renamed"],
      ["names no test"],
    ]);
  });
});

describe("a run", () => {
  const all = claim("x.all", { file: "a.test.ts" });

  test("fails with a test file that belongs to no claim", () => {
    const { problems } = judge([all], { claimedFiles: ["a.test.ts", "lonely.test.ts"] });
    expect(problems).toEqual(["belongs to no claim: lonely.test.ts"]);
  });

  test("fails with a red test that belongs to no claim", () => {
    expect(judge([all], { report: parseJunit(xml) }).problems).toEqual([
      "failed: b.test.ts: red",
      "skipped: b.test.ts: left out",
    ]);
  });

  test("fails with two claims of one name, and cases of a claim that is not there", () => {
    const { problems } = judge([all, all], { tried: [{ claim: "x.typo", cases: 1 }] });
    expect(problems).toEqual(["two claims are named x.all", "cases of no claim: x.typo"]);
  });

  test("fails when the runner says so, whatever the report says", () => {
    expect(judge([all], { exitCode: 1 }).problems).toEqual(["the test run ended with exit code 1"]);
  });
});

test("the table has a line for every claim, and says what went wrong", () => {
  const claims = [
    claim("x.all", { file: "a.test.ts" }),
    { ...claim("x.red", { file: "b.test.ts" }), claim: "a word ".repeat(20).trim() },
  ];
  const lines = renderSecurityTable(judge(claims, { report: parseJunit(xml) })).split("\n");
  expect(lines[0]).toMatch(/^claim +what it says +tests +cases +result$/);
  expect(lines[2]).toMatch(/^x\.all +What x\.all says\. +a\.test\.ts +3 {2}ok$/);
  expect(lines[3]).toMatch(/^x\.red +a word.+ b\.test\.ts +1 {2}FAILED$/);
  expect(lines.slice(-3)).toEqual([
    "x.red: failed: b.test.ts: red",
    "x.red: skipped: b.test.ts: left out",
    "1 of 2 claims hold; 3 tests passed, 3 cases tried",
  ]);
});

test("the page has the same lines", () => {
  const page = renderSecurityMarkdown(judge([claim("x.all", { file: "a.test.ts" })]));
  expect(page).toContain("| `x.all` | What x.all says. | `a.test.ts` | 3 | ok |");
});
