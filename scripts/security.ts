/**
 * Runs every test that a claim about the safety of the product names, and prints one table of claim, tests, cases tried
 * and result. Exit code 1 when a claim does not hold, a test was skipped, or a test below test/security/ belongs to none.
 *
 *     bun scripts/security.ts [--junit <file>] [area …]
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadClaimAreas, securityAreas } from "../test/security/claims/index.ts";
import { type TriedCases, triedCasesVariable } from "../test/support/tried-cases.ts";
import { parseJunit } from "./junit-report.ts";
import { judgeClaims, renderSecurityMarkdown, renderSecurityTable } from "./security-table.ts";

const root = join(import.meta.dir, "..");
const work = join(root, ".cache", "security");

async function loadText(file: string): Promise<string> {
  return (await Bun.file(file).exists()) ? Bun.file(file).text() : "";
}

async function runTests(
  files: readonly string[],
  { junit, tried }: { readonly junit: string; readonly tried: string },
): Promise<number> {
  const tests = Bun.spawn(
    [
      ...[process.execPath, "test", "--only-failures", "--reporter=junit", `--reporter-outfile=${junit}`],
      ...files.map((file) => `./${file}`),
    ],
    {
      cwd: root,
      env: { ...process.env, [triedCasesVariable]: tried },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  return tests.exited;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { junit: { type: "string" } },
    allowPositionals: true,
  });
  const all = await loadClaimAreas();
  const missing = securityAreas.filter((area) => !all.some(({ name }) => name === area));
  const unknown = positionals.filter((name) => !all.some((area) => area.name === name));
  if (unknown.length > 0)
    throw new Error(
      `no such area: ${unknown.join(", ")}; there are ${all.map(({ name }) => name).join(", ")}`,
    );
  const areas = positionals.length === 0 ? all : all.filter(({ name }) => positionals.includes(name));
  const claims = areas.flatMap((area) => area.claims);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const junit = values.junit ?? join(work, "tests.xml");
  const tried = join(work, "tried-cases.jsonl");
  const files = [...new Set(claims.flatMap(({ shownBy }) => shownBy.map(({ file }) => file)))].sort();
  const own = [...new Bun.Glob("test/security/**/*.test.ts").scanSync({ cwd: root })]
    .filter(
      (file) =>
        positionals.length === 0 || positionals.some((area) => file.startsWith(`test/security/${area}/`)),
    )
    .sort();
  const exitCode = await runTests([...new Set([...files, ...own])], { junit, tried });
  const result = judgeClaims({
    claims,
    report: parseJunit(await loadText(junit)),
    tried: (await loadText(tried))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as TriedCases),
    claimedFiles: own,
    exitCode,
  });
  const notes =
    positionals.length === 0 ? missing.map((area) => `no claims: test/security/claims/${area}.ts`) : [];
  const whole = { ...result, problems: [...result.problems, ...notes] };
  await Bun.write(join(root, "security-report.json"), `${JSON.stringify(whole, null, 2)}\n`);
  await Bun.write(join(root, "security-report.md"), renderSecurityMarkdown(whole));
  console.log(`\n${renderSecurityTable(whole)}`);
  process.exitCode =
    whole.totals.failedClaims === 0 && whole.problems.length === 0 && claims.length > 0 ? 0 : 1;
}

await main();
