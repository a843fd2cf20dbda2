import type { Output } from "../platform/terminal.ts";
import { escapeSteeringInJson } from "../protocol/steering.ts";
import type { CliContext } from "./context.ts";
import { toPrintable } from "./render/safe-text.ts";

/** Prints a result on standard output: as JSON when that was asked for, else as the text for people. */
export function printResult(context: CliContext, result: unknown, toText: () => string): void {
  context.stdout.write(context.globals.json ? toJsonText(result) : toShown(toText(), context.stdout));
}

/** Tells something beside the result, on standard error; not with --json. */
export function printNote(context: CliContext, text: string): void {
  if (!context.globals.json) context.stderr.write(toShown(text, context.stderr));
}

/** The value as JSON whose text is safe to look at, too: what steers a terminal is escaped. */
export function toJsonText(value: unknown): string {
  return `${escapeSteeringInJson(JSON.stringify(value, null, 2))}\n`;
}

/** As {@link toJsonText}, on one line. */
export function toJsonLine(value: unknown): string {
  return `${escapeSteeringInJson(JSON.stringify(value))}\n`;
}

/** Whatever a renderer has passed on of another machine's text: nothing of it steers the terminal. */
function toShown(text: string, { hasColour }: Pick<Output, "hasColour">): string {
  const shown = toPrintable(text, hasColour);
  return shown.endsWith("\n") ? shown : `${shown}\n`;
}
