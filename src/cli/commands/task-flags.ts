import { buildCommand } from "@stricli/core";
import type { CliContext } from "../context.ts";
import type { HelpText } from "../help-text.ts";
import { parseText } from "../parsers.ts";
import {
  choiceFlags,
  countFlag,
  editFlags,
  failedOnFlag,
  isGivenFlag,
  placeFlags,
  type Texts,
} from "./message-flags.ts";

/** The help of a command that takes tasks as its arguments. */
interface TaskText {
  readonly brief: string;
  readonly full: string;
  readonly examples: readonly string[];
  readonly arguments: { readonly task: string };
}

/** One id. */
export function taskArgument({ commands }: Texts, { arguments: words }: TaskText) {
  const parameter = { parse: parseText, brief: words.task, placeholder: commands.placeholders.task };
  return { kind: "tuple", parameters: [parameter] } as const;
}

/** Any number of ids. */
export function taskArguments({ commands }: Texts, { arguments: words }: TaskText) {
  const parameter = { parse: parseText, brief: words.task, placeholder: commands.placeholders.task };
  return { kind: "array", parameter } as const;
}

/** `task show` and `dead-letter show` are the same. */
export function createShowCommand({ docs, texts }: HelpText, text: TaskText) {
  return buildCommand<object, [string], CliContext>({
    loader: async () => (await import("../actions/task-list.ts")).showTask,
    docs: docs(text),
    parameters: { positional: taskArgument(texts, text) },
  });
}

/** Which tasks, but for their state: of a dead letter that is known. */
export function filterFlags(texts: Texts) {
  return { ...placeFlags(texts), ...choiceFlags(texts) } as const;
}

export function listFlags(texts: Texts, briefs: { readonly limit: string; readonly all: string }) {
  return {
    ...filterFlags(texts),
    limit: countFlag(briefs.limit),
    all: isGivenFlag(briefs.all),
  } as const;
}

/** Which tasks are run again, and how. */
export function retryFlags(texts: Texts) {
  return { ...choiceFlags(texts), failedOn: failedOnFlag(texts), ...editFlags(texts) } as const;
}

/** All that there are, unasked. */
export function allFlags(briefs: { readonly all: string; readonly yes: string }) {
  return { all: isGivenFlag(briefs.all), yes: isGivenFlag(briefs.yes) } as const;
}
