import type { CliContext } from "./context.ts";

/** Prints a result on standard output: as JSON when that was asked for, else as the text for people. */
export function printResult(context: CliContext, result: unknown, toText: () => string): void {
  context.stdout.write(context.globals.json ? toJsonText(result) : withNewline(toText()));
}

/** Tells something beside the result, on standard error; not with --json. */
export function printNote(context: CliContext, text: string): void {
  if (!context.globals.json) context.stderr.write(withNewline(text));
}

export function toJsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function withNewline(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
