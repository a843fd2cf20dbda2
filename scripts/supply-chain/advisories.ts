import { z } from "zod";

/** What a registry answers: for each package the holes that are known of the version in use. */
const Advisories = z.record(
  z.string(),
  z.array(
    z.looseObject({
      title: z.string(),
      severity: z.enum(["info", "low", "moderate", "high", "critical"]),
      url: z.string().optional(),
      vulnerable_versions: z.string().optional(),
    }),
  ),
);

export interface AdvisoryVerdict {
  readonly result: "none" | "tolerable" | "severe" | "no answer";
  readonly lines: readonly string[];
}

/** Reads the output of `bun audit --json`. Only high and critical ones fail a build. */
export function judgeAdvisories(stdout: string): AdvisoryVerdict {
  const advisories = readAdvisories(stdout);
  if (advisories === null) return { result: "no answer", lines: [] };
  const found = Object.entries(advisories).flatMap(([name, list]) => list.map((hole) => ({ name, ...hole })));
  const lines = found.map(({ name, vulnerable_versions: versions = "", severity, title, url = "" }) =>
    `${severity}: ${name} ${versions}: ${title} ${url}`.trim(),
  );
  if (found.length === 0) return { result: "none", lines };
  const isSevere = found.some(({ severity }) => severity === "high" || severity === "critical");
  return { result: isSevere ? "severe" : "tolerable", lines };
}

function readAdvisories(stdout: string): z.infer<typeof Advisories> | null {
  if (!stdout.trimStart().startsWith("{")) return null;
  try {
    return Advisories.safeParse(JSON.parse(stdout)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
