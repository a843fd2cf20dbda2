import type { RuntimeAttempt } from "../runtime.ts";
import { findCodeWithText } from "./code-argument.ts";

/** Bytes of one argument: Linux takes 128 KiB with its end mark, other systems no more of all together. */
const maxArgumentBytes = 128 * 1024 - 1;

/** What a program is started with, or why this message cannot be given to it so. */
export type PlannedArguments =
  | { readonly kind: "planned"; readonly arguments: readonly string[] }
  | { readonly kind: "refused"; readonly reason: string };

const placeholder = /\{(message|session|session_name)\}/g;
const sessionPlaceholder = /\{session(?:_name)?\}/;

/**
 * Fills in the arguments (the program itself is not among them). Without a session an argument with `{session}` or
 * `{session_name}` is left out; one that is nothing else takes the flag before it along (`-s {session}`).
 */
export function planArguments(
  template: readonly string[],
  attempt: Pick<RuntimeAttempt, "content" | "session">,
): PlannedArguments {
  const values = {
    message: attempt.content,
    session: attempt.session?.key ?? "",
    session_name: attempt.session?.name ?? "",
  };
  const kept = attempt.session === null ? withoutSession(template) : template;
  const planned = kept.map((part, at) => {
    const filled = part.replace(placeholder, (_, name: keyof typeof values) => values[name]);
    return isUnguarded(kept, at) && filled.startsWith("-") ? ` ${filled}` : filled;
  });
  if (planned.some((argument) => argument.includes("\0"))) {
    return { kind: "refused", reason: "a text with a NUL character cannot be an argument; use input stdin" };
  }
  if (planned.some((argument) => Buffer.byteLength(argument) > maxArgumentBytes)) {
    const limit = Math.floor(maxArgumentBytes / 1024);
    return {
      kind: "refused",
      reason: `the message is longer than an argument may be (${limit} KiB); use input stdin`,
    };
  }
  return { kind: "planned", arguments: planned };
}

/** What is wrong with a command, in one sentence with its remedy; null when nothing is. */
export function findTemplateProblem(command: readonly string[], input: "stdin" | "argument"): string | null {
  const hasMessage = command.slice(1).some((part) => part.includes("{message}"));
  if (input === "argument" && !hasMessage) {
    return "the command has no {message} among its arguments; add it, or use input stdin";
  }
  if (input === "stdin" && hasMessage) {
    return "the command has {message} among its arguments, but its input is stdin; use input argument";
  }
  const shell = findCodeWithText(command);
  if (shell === null) return null;
  return `the command has a text of others in what ${shell} runs as code; give it behind the code ('… "$1"', "sh", "{message}"), or use input stdin`;
}

/** Whether a message that begins with `-` could be taken for a flag; it is given with a space in front then. */
export function hasUnguardedText(template: readonly string[]): boolean {
  return template.some((_, at) => isUnguarded(template, at));
}

/**
 * Texts of others begin this argument, and no `--` right before it says that flags are over. One further ahead may be that of a
 * wrapper (`env -- program {message}`), whose program reads flags again.
 */
function isUnguarded(template: readonly string[], at: number): boolean {
  if (!beginsWithText(template[at])) return false;
  for (let before = at - 1; before >= 0; before -= 1) {
    if (template[before] === "--") return false;
    if (!beginsWithText(template[before])) return true;
  }
  return true;
}

function beginsWithText(part = ""): boolean {
  return part.startsWith("{message}") || part.startsWith("{session_name}");
}

function withoutSession(template: readonly string[]): readonly string[] {
  const isDropped = (at: number) => sessionPlaceholder.test(template[at] ?? "");
  const isAlone = (part: string | undefined) => part === "{session}" || part === "{session_name}";
  return template.filter((part, at) => {
    if (isDropped(at)) return false;
    const isFlag = part.startsWith("-") && part !== "--";
    return !(isFlag && isAlone(template[at + 1]));
  });
}
