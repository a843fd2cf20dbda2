import type { Failure } from "../../protocol/failure.ts";
import type { Secret } from "../../protocol/secret.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { RunOutcome } from "../runtime.ts";
import { tidyLine } from "../tidy-line.ts";
import type { CommandEnd } from "./command-run.ts";

interface Judged {
  readonly location: string;
  readonly secrets: readonly Secret[];
}

/** What the end of a process that nobody stopped means. */
export function matchCommandOutcome(end: CommandEnd, { location, secrets }: Judged): RunOutcome {
  const { exit, answer } = end;
  if (end.isTooLarge) {
    const message = `the answer of ${location} is longer than ${maxAnswerBytes / 2 ** 20} MiB`;
    return { kind: "failed", failure: { class: "too_large", message } };
  }
  const fail = (kind: Failure["kind"], text: string): RunOutcome => ({
    kind: "failed",
    failure: { class: "runtime_error", ...(kind && { kind }), message: tidyLine(text, secrets) },
  });
  if (exit === null || exit.signal !== null || exit.code === null) {
    const how = exit?.signal ?? "a signal";
    return { kind: "lost", started: true, fenced: true, reason: `${location} was ended by ${how}` };
  }
  if (answer.kind === "error") return fail(answer.errorKind, `${location} failed: ${answer.message}`);
  if (exit.code !== 0) {
    const said = end.errorLines.at(-1);
    return fail(
      "internal",
      `${location} ended with code ${exit.code}${said === undefined ? "" : `: ${said}`}`,
    );
  }
  if (answer.kind === "none") return fail("internal", `${location} printed no answer${answer.detail}`);
  return { kind: "succeeded", text: answer.text };
}

/** What a failed start means: the program has not run. */
export function matchStartFailure(code: string | null, location: string): Failure {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "is not there",
    EACCES: "may not be executed",
    E2BIG: "was given more than the system lets a program be started with; use input stdin",
    EAGAIN: "could not be started: too many processes run",
    EMFILE: "could not be started: too many files are open",
  };
  const reason = reasons[code ?? ""] ?? `could not be started (${code ?? "unknown reason"})`;
  return { class: "refused", message: `${location} ${reason}` };
}
