import { basename } from "node:path";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import type { Log } from "../../platform/log.ts";
import {
  createPipedProcesses,
  findProgram,
  type PipedProcess,
  type PipedProcesses,
} from "../../platform/piped-process.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import { redactText } from "../../protocol/redact-text.ts";
import { createBoundedAttempts, toStoppedOutcome } from "../bounded-attempts.ts";
import { describeProgram, type ProgramEnvironment, toProgramEnvironment } from "../program-environment.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import type { RuntimeSettings } from "../runtime-settings.ts";
import { prepareWorkFolder, toWorkFolder } from "../work-folder.ts";
import { findTemplateProblem, hasUnguardedText, planArguments } from "./argument-template.ts";
import { matchCommandOutcome, matchStartFailure } from "./command-outcome.ts";
import { type CommandLimits, commandLimits, followCommand } from "./command-run.ts";
import { createJsonLinesAnswer } from "./json-lines-answer.ts";
import { createTextAnswer } from "./text-answer.ts";

export interface CommandOptions {
  readonly settings: Extract<RuntimeSettings, { readonly kind: "command" }>;
  readonly clock: Clock;
  readonly log: Log;
  /** The work folder is below it, unless the settings name another. */
  readonly dataDir: string;
  readonly env: Environment;
  /** Others than {@link commandLimits}, for tests. */
  readonly limits?: Partial<CommandLimits>;
}

/**
 * Any program that answers on standard output: one process for each attempt, started without a shell. What it keeps of a
 * session is its own affair. docs/how-to/command.md
 */
export function createCommandRuntime(options: CommandOptions): Runtime {
  const { settings, env, dataDir, log } = options;
  const [program = "", ...template] = settings.command;
  const attempts = createBoundedAttempts(options.clock);
  const adapter: Adapter = {
    options,
    program,
    template,
    location: basename(program),
    folder: { cwd: settings.cwd, dataDir, kind: "command" },
    environment: toProgramEnvironment(env, { own: settings.env, inherits: "safe" }),
    processes: createPipedProcesses(),
  };
  if (settings.input === "argument" && hasUnguardedText(template)) {
    log.warn(
      "a message that begins with - could be taken for a flag and gets a space in front; write -- before it",
      {
        program: adapter.location,
      },
    );
  }
  return {
    kind: "command",
    location: redactText(describeProgram(settings.command), adapter.environment.secrets),
    probe: async () => ({ status: toStatus(await findProblem(adapter)), slots: null }),
    run: (attempt, control) =>
      attempts.run(attempt, control, (signal) =>
        startAttempt(adapter, attempt, { signal, onChunk: control.onChunk }),
      ),
    reattach: () => Promise.resolve(null),
    fence: ({ key }) => attempts.fence(key),
    close: async () => {
      await attempts.close();
      adapter.processes.stop();
    },
  };
}

/** Of a status on the wire. */
const maxReasonLength = 1024;

interface Adapter {
  readonly options: CommandOptions;
  readonly program: string;
  readonly template: readonly string[];
  /** The program's name, for messages. */
  readonly location: string;
  readonly folder: Parameters<typeof prepareWorkFolder>[0];
  readonly environment: ProgramEnvironment;
  readonly processes: PipedProcesses;
}

type RunParts = Pick<RunControl, "onChunk" | "signal">;

async function startAttempt(adapter: Adapter, attempt: RuntimeAttempt, parts: RunParts): Promise<RunOutcome> {
  const problem = await findProblem(adapter);
  if (parts.signal.aborted) {
    return toStoppedOutcome(parts.signal.reason, { isStarted: false, isFenced: true });
  }
  if (problem !== null) return refuse(problem);
  const planned = planArguments(adapter.template, attempt);
  if (planned.kind === "refused") return refuse(`${adapter.location}: ${planned.reason}`);
  let piped: PipedProcess;
  try {
    piped = startProgram(adapter, planned.arguments, attempt.isUntrusted);
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return { kind: "failed", failure: matchStartFailure(errorCodeOf(error), adapter.location) };
  }
  return await judgeProcess(adapter, piped, { ...parts, content: attempt.content });
}

function startProgram(adapter: Adapter, given: readonly string[], isUntrusted: boolean): PipedProcess {
  const cwd = toWorkFolder(adapter.folder);
  const { variables } = adapter.environment;
  const found = findProgram(adapter.program, { path: variables.PATH, cwd });
  return adapter.processes.start({
    command: [found.kind === "found" ? found.path : adapter.program, ...given],
    cwd,
    env: isUntrusted ? { ...variables, CLAW_MESH_UNTRUSTED: "1" } : variables,
    stdin: adapter.options.settings.input === "stdin" ? "pipe" : "ignore",
  });
}

async function judgeProcess(
  adapter: Adapter,
  piped: PipedProcess,
  { signal, onChunk, content }: RunParts & { readonly content: string },
): Promise<RunOutcome> {
  const { settings, clock, log } = adapter.options;
  const { location } = adapter;
  const { secrets } = adapter.environment;
  const end = await followCommand(piped, {
    input: settings.input === "stdin" ? content : null,
    createAnswer: settings.output === "text" ? createTextAnswer : createJsonLinesAnswer,
    onChunk,
    signal,
    clock,
    limits: { ...commandLimits, ...adapter.options.limits },
  });
  if (end.errorLines.length > 0) {
    const lines = end.errorLines.map((line) => redactText(line, secrets));
    log.debug("what the program wrote on standard error", { program: location, lines });
  }
  // The process and its group are gone: what was stopped does nothing more.
  if (signal.aborted && !end.isTooLarge) {
    return toStoppedOutcome(signal.reason, { isStarted: true, isFenced: end.exit !== null });
  }
  return matchCommandOutcome(end, { location, secrets });
}

function refuse(message: string): RunOutcome {
  return { kind: "failed", failure: { class: "refused", message } };
}

/** Why no message can be given to the program, in one sentence; null when it can. Starts nothing. */
async function findProblem(adapter: Adapter): Promise<string | null> {
  const { program, template, environment, folder, options } = adapter;
  const wrong = findTemplateProblem([program, ...template], options.settings.input);
  if (wrong !== null) return wrong;
  const folderProblem = await prepareWorkFolder(folder);
  if (folderProblem !== null) return folderProblem;
  const found = findProgram(program, { path: environment.variables.PATH, cwd: toWorkFolder(folder) });
  if (found.kind === "found") return null;
  return found.kind === "missing"
    ? `the program ${program} is not there; give its whole path`
    : `the program ${program} may not be executed`;
}

function toStatus(problem: string | null): RuntimeStatus {
  const reason = problem === null ? null : problem.slice(0, maxReasonLength);
  return { kind: "command", version: null, ready: problem === null, reason, active: null, queued: null };
}
