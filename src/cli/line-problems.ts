import type { z } from "zod";
import type { Catalogue } from "../locale/index.ts";
import { nearestName } from "../protocol/nearest-name.ts";

/** What is wrong with a task of a file, in words. */
export function lineProblems(
  error: z.ZodError,
  fieldNames: readonly string[],
  texts: Catalogue,
): readonly string[] {
  return error.issues.map((issue) => issueText(issue, fieldNames, texts));
}

function issueText(issue: z.core.$ZodIssue, fieldNames: readonly string[], { tasks }: Catalogue): string {
  const field = issue.path.map(String).join(".");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys
        .map((key) => tasks.noField(field === "" ? key : `${field}.${key}`, nearestName(key, fieldNames)))
        .join("; ");
    case "invalid_type":
      return issue.input === undefined
        ? tasks.missingField(field)
        : tasks.fieldKind(field, tasks.kinds[issue.expected] ?? issue.expected);
    case "invalid_value":
      return tasks.fieldValue(field, issue.values.map(String));
    default:
      return `${field}: ${issue.message}`;
  }
}
