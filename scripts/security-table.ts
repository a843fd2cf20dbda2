import type { Claim } from "../test/security/claim.ts";
import type { TriedCases } from "../test/support/tried-cases.ts";
import type { JunitReport, ReportedTest } from "./junit-report.ts";

export interface ClaimResult {
  readonly id: string;
  readonly claim: string;
  readonly files: readonly string[];
  /** Tests that ran, and what they counted beside. */
  readonly cases: number;
  readonly result: "ok" | "FAILED";
  /** Why it failed; each line names a test or a file. */
  readonly problems: readonly string[];
}

export interface SecurityResult {
  readonly claims: readonly ClaimResult[];
  /** What went wrong outside of the claims. */
  readonly problems: readonly string[];
  readonly totals: {
    readonly claims: number;
    readonly failedClaims: number;
    readonly tests: number;
    readonly cases: number;
  };
}

export interface SecurityRun {
  readonly claims: readonly Claim[];
  readonly report: JunitReport;
  readonly tried: readonly TriedCases[];
  /** Files that have to belong to a claim. */
  readonly claimedFiles: readonly string[];
  /** Of the test run. */
  readonly exitCode: number;
}

/** What a run of the tests says about the claims. Skipped counts as failed: a promise that nobody looked at does not hold. */
export function judgeClaims(run: SecurityRun): SecurityResult {
  const claims = run.claims.map((claim) => judgeClaim(claim, run));
  const belongs = new Set(run.claims.flatMap((claim) => testsOf(claim, run.report)));
  const named = new Set(run.claims.flatMap(({ shownBy }) => shownBy.map(({ file }) => file)));
  const known = new Set(run.claims.map(({ id }) => id));
  const problems = [
    ...findTwice(run.claims.map(({ id }) => id)).map((id) => `two claims are named ${id}`),
    ...run.claimedFiles.filter((file) => !named.has(file)).map((file) => `belongs to no claim: ${file}`),
    ...run.report.tests
      .filter((test) => test.outcome !== "passed" && !belongs.has(test))
      .map(describeProblem),
    ...run.tried.filter(({ claim }) => !known.has(claim)).map(({ claim }) => `cases of no claim: ${claim}`),
  ];
  const isExplained = problems.length > 0 || claims.some(({ result }) => result !== "ok");
  if (run.exitCode !== 0 && !isExplained) problems.push(`the test run ended with exit code ${run.exitCode}`);
  const passed = run.report.tests.filter(({ outcome }) => outcome === "passed").length;
  return {
    claims,
    problems,
    totals: {
      claims: claims.length,
      failedClaims: claims.filter(({ result }) => result !== "ok").length,
      tests: passed,
      cases: passed + run.tried.reduce((sum, { cases }) => sum + cases, 0),
    },
  };
}

function judgeClaim(claim: Claim, { report, tried }: SecurityRun): ClaimResult {
  const tests = testsOf(claim, report);
  const counted = tried.filter((entry) => entry.claim === claim.id);
  const problems = [
    ...claim.shownBy
      .filter((shown) => !report.tests.some((test) => isShownBy(shown, test)))
      .map(({ file, tests: prefix }) =>
        prefix === undefined ? `no test ran: ${file}` : `no test ran: ${file}: ${prefix}`,
      ),
    ...tests.filter(({ outcome }) => outcome !== "passed").map(describeProblem),
  ];
  if (claim.shownBy.length === 0) problems.push("names no test");
  return {
    id: claim.id,
    claim: claim.claim,
    files: [...new Set(claim.shownBy.map(({ file }) => file))],
    cases:
      tests.filter(({ outcome }) => outcome !== "skipped").length +
      counted.reduce((sum, { cases }) => sum + cases, 0),
    result: problems.length === 0 ? "ok" : "FAILED",
    problems,
  };
}

/** Each once, though several lines of the claim may name it. */
function testsOf(claim: Claim, report: JunitReport): readonly ReportedTest[] {
  return report.tests.filter((test) => claim.shownBy.some((shown) => isShownBy(shown, test)));
}

function isShownBy({ file, tests }: Claim["shownBy"][number], test: ReportedTest): boolean {
  return test.file === file && (tests === undefined || test.fullName.startsWith(tests));
}

function describeProblem({ outcome, file, fullName }: ReportedTest): string {
  return `${outcome}: ${file}: ${fullName}`;
}

function findTwice(words: readonly string[]): readonly string[] {
  return [...new Set(words.filter((word, at) => words.indexOf(word) !== at))];
}

/** Characters of the column with the sentences. */
const claimWidth = 66;

/** The table for a terminal, with totals and problems below it. */
export function renderSecurityTable(result: SecurityResult): string {
  const heads = ["claim", "what it says", "tests", "cases", "result"];
  const rows = result.claims.map((claim) => [
    [claim.id],
    wrap(claim.claim, claimWidth),
    claim.files,
    [String(claim.cases)],
    [claim.result],
  ]);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.flatMap((row) => (row[column] ?? []).map((line) => line.length))),
  );
  const renderLine = (cells: readonly string[]) =>
    cells
      .map((cell, at) =>
        heads[at] === "cases" ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const lines = rows.flatMap((row) =>
    Array.from({ length: Math.max(...row.map((cell) => cell.length)) }, (_, line) =>
      renderLine(row.map((cell) => cell[line] ?? "")),
    ),
  );
  return [
    renderLine(heads),
    renderLine(widths.map((width) => "-".repeat(width))),
    ...lines,
    "",
    ...renderTotals(result),
  ].join("\n");
}

function renderTotals({ totals, problems, claims }: SecurityResult): readonly string[] {
  const held = totals.claims - totals.failedClaims;
  return [
    ...claims.flatMap((claim) => claim.problems.map((problem) => `${claim.id}: ${problem}`)),
    ...problems,
    `${held} of ${totals.claims} claims hold; ${totals.tests} tests passed, ${totals.cases} cases tried`,
  ];
}

/** The same table for a page. */
export function renderSecurityMarkdown(result: SecurityResult): string {
  const toCell = (text: string) => text.replaceAll("|", "\\|");
  return [
    "| claim | what it says | tests | cases tried | result |",
    "| --- | --- | --- | ---: | --- |",
    ...result.claims.map(
      ({ id, claim, files, cases, result: end }) =>
        `| \`${id}\` | ${toCell(claim)} | ${files.map((file) => `\`${file}\``).join("<br>")} | ${cases} | ${end} |`,
    ),
    "",
    ...renderTotals(result).map((line) => `${line}  `),
    "",
  ].join("\n");
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
