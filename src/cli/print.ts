import type { CliContext } from "./context.ts";

/** Prints a result on standard output: as JSON when that was asked for, else as the text for people. */
export function printResult(context: CliContext, result: unknown, toText: () => string): void {
  context.stdout.write(context.globals.json ? toJsonText(result) : withNewline(toText()));
}

/** Tells something beside the result, on standard error; not with --json. */
export function printNote(context: CliContext, text: string): void {
  if (!context.globals.json) context.stderr.write(withNewline(text));
}

/** JSON leaves these as they are, and a terminal may be steered by them: C1 controls, and marks that turn text round. */
const steering = /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu;

/** The value as JSON whose text is safe to look at, too: what steers a terminal is escaped. */
export function toJsonText(value: unknown): string {
  return `${withoutSteering(JSON.stringify(value, null, 2))}\n`;
}

/** As {@link toJsonText}, on one line. */
export function toJsonLine(value: unknown): string {
  return `${withoutSteering(JSON.stringify(value))}\n`;
}

function withoutSteering(json: string): string {
  return json.replace(steering, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function withNewline(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
