/**
 * Adds up what `.ci/run` did: `steps.tsv` (name, exit code) and the JUnit reports beside it. A run that skipped a test,
 * left out a test file or ran none has failed.
 */
import { join } from "node:path";
import { parseJunit } from "./junit-report.ts";

export interface Step {
  readonly name: string;
  readonly exitCode: number;
}

export interface Report {
  /** The step that wrote it. */
  readonly step: string;
  /** null when the step left none. */
  readonly xml: string | null;
  /** The test files it must have run. */
  readonly expectedFiles: readonly string[];
  /** Only what passed in this folder counts: another step ran the rest, too. Default: all. */
  readonly countedFolder?: string;
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly notes: readonly string[];
}

interface Counted {
  readonly passed: number;
  readonly problems: readonly string[];
}

/** A file that fails to load is absent from the report, so the files are compared as well as the counts. */
function countReport({ step, xml, expectedFiles, countedFolder = "" }: Report): Counted {
  if (xml === null) return { passed: 0, problems: [`${step}: no report was written`] };
  const { tests, files } = parseJunit(xml);
  const problems = tests
    .filter(({ outcome }) => outcome !== "passed")
    .map(({ outcome, file, name }) => `${step}: ${outcome} in ${file}: ${name}`);
  if (tests.length === 0) problems.push(`${step}: no test was run`);
  for (const file of expectedFiles) {
    if (!files.has(file)) problems.push(`${step}: not run: ${file}`);
  }
  const passed = tests.filter(
    ({ outcome, file }) => outcome === "passed" && file.startsWith(countedFolder),
  ).length;
  return { passed, problems };
}

export function summarise(steps: readonly Step[], reports: readonly Report[]): Summary {
  const notes: string[] = [];
  let passed = 0;
  const explained = new Set<string>();
  for (const report of reports) {
    const counted = countReport(report);
    passed += counted.passed;
    notes.push(...counted.problems);
    if (counted.problems.length > 0) explained.add(report.step);
  }
  for (const step of steps) {
    if (step.exitCode !== 0 && !explained.has(step.name)) {
      notes.push(`${step.name}: exit code ${step.exitCode}`);
    }
  }
  return { passed, failed: notes.length, notes };
}

async function main(folder: string): Promise<void> {
  const steps = (await Bun.file(join(folder, "steps.tsv")).text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "?", exitCode = "1"] = line.split("\t");
      return { name, exitCode: Number(exitCode) };
    });
  const root = join(import.meta.dir, "..");
  const files = [...new Bun.Glob("{src,test,scripts}/**/*.test.ts").scanSync({ cwd: root })].sort();
  /** Steps that run one folder; `tests` runs all others. */
  const folders = {
    fault: "test/fault/",
    machine: "test/machine/",
    security: "test/security/",
    browser: "test/browser/",
    openclaw: "test/openclaw/",
  };
  const isApart = (file: string) => Object.values(folders).some((folder) => file.startsWith(folder));
  const loadReport = (name: string) =>
    Bun.file(join(folder, `${name}.xml`))
      .text()
      .catch(() => null);
  const summary = summarise(steps, [
    {
      step: "tests",
      xml: await loadReport("tests"),
      expectedFiles: files.filter((file) => !isApart(file)),
    },
    ...(await Promise.all(
      Object.entries(folders).map(async ([step, folder]) => ({
        step,
        xml: await loadReport(step),
        expectedFiles: files.filter((file) => file.startsWith(folder)),
        countedFolder: folder,
      })),
    )),
  ]);
  for (const note of summary.notes) console.log(note);
  console.log(`${summary.passed} passed, ${summary.failed} failed`);
  process.exitCode = summary.failed === 0 && summary.passed > 0 ? 0 : 1;
}

if (import.meta.main) await main(process.argv[2] ?? ".cache/ci");
