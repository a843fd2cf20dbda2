/** Reads the JUnit reports of `bun test`. A file that fails to load is absent from them. */

export type TestOutcome = "passed" | "failed" | "skipped";

export interface ReportedTest {
  readonly file: string;
  /** `outer > inner > test`, as `describe` nests them. */
  readonly fullName: string;
  readonly name: string;
  readonly outcome: TestOutcome;
}

export interface JunitReport {
  readonly tests: readonly ReportedTest[];
  /** Files that were loaded, those without tests too. */
  readonly files: ReadonlySet<string>;
}

const token = /<testsuite\b([^>]*?)(\/?)>|<\/testsuite>|<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

export function parseJunit(xml: string): JunitReport {
  const tests: ReportedTest[] = [];
  const files = new Set<string>();
  /** Names of the suites around; the outermost is the file. */
  const suites: string[] = [];
  for (const [whole, suite, suiteEnd, testcase, body = ""] of xml.matchAll(token)) {
    if (whole === "</testsuite>") suites.pop();
    else if (testcase !== undefined) {
      const name = readAttribute(testcase, "name");
      const fullName = [...suites.slice(1), name].join(" > ");
      tests.push({ file: readAttribute(testcase, "file"), fullName, name, outcome: toOutcome(body) });
    } else if (suite !== undefined) {
      files.add(readAttribute(suite, "file"));
      if (suiteEnd !== "/") suites.push(readAttribute(suite, "name"));
    }
  }
  return { tests, files };
}

function toOutcome(body: string): TestOutcome {
  const [, element] = /<(failure|error|skipped)\b/.exec(body) ?? [];
  if (element === undefined) return "passed";
  return element === "skipped" ? "skipped" : "failed";
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function readAttribute(attributes: string, name: string): string {
  const value = new RegExp(String.raw`\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "?";
  return value.replace(/&(?:#(\d+)|([a-z]+));/g, (entity, code?: string, word?: string) =>
    code === undefined ? (entities[word ?? ""] ?? entity) : String.fromCodePoint(Number(code)),
  );
}
