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
import { createKeyTurns, type KeyTurns } from "../program/key-turns.ts";
import { type ProgramEnvironment, toProgramEnvironment } from "../program/program-environment.ts";
import { prepareWorkFolder, toWorkFolder } from "../program/work-folder.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import type { RuntimeSettings } from "../runtime-settings.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import { findTemplateProblem, hasUnguardedText, planArguments } from "./argument-template.ts";
import { matchCommandOutcome, matchStartFailure } from "./command-outcome.ts";
import { followCommand } from "./command-run.ts";
import { createJsonLinesAnswer } from "./json-lines-answer.ts";
import { createTextAnswer } from "./text-answer.ts";

export interface CommandOptions {
  readonly settings: Extract<RuntimeSettings, { readonly kind: "command" }>;
  readonly clock: Clock;
  readonly log: Log;
  /** The work folder is below it, unless the settings name another. */
  readonly dataDir: string;
  readonly env: Environment;
}

/** Stops a run besides the attempt's own reasons. */
const closedReason = "closed";

/**
 * Any program that answers on standard output: one process for each attempt, started without a shell. What it keeps of a
 * session is its own affair. docs/how-to/command.md
 */
export function createCommandRuntime(options: CommandOptions): Runtime {
  const { settings, env, dataDir, log } = options;
  const [program = "", ...template] = settings.command;
  const adapter: Adapter = {
    options,
    program,
    template,
    location: basename(program),
    folder: { cwd: settings.cwd, dataDir, kind: "command" },
    environment: toProgramEnvironment(env, { own: settings.env, inherits: "safe" }),
    processes: createPipedProcesses(),
    turns: createKeyTurns(),
    running: new Map(),
    isClosed: false,
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
    location: redactText(settings.command.join(" "), adapter.environment.secrets),
    probe: async () => ({ status: toStatus(await findProblem(adapter)), slots: null }),
    run: (attempt, control) => runAttempt(adapter, attempt, control),
    reattach: () => Promise.resolve(null),
    fence: async ({ key }) => {
      const run = adapter.running.get(key);
      run?.stop.abort(closedReason);
      await run?.settled.promise;
      // Of a process that an earlier agent has started nobody knows any more.
      return run !== undefined;
    },
    close: async () => {
      adapter.isClosed = true;
      const runs = [...adapter.running.values()];
      for (const { stop } of runs) stop.abort(closedReason);
      await Promise.all(runs.map(({ settled }) => settled.promise));
      adapter.processes.stop();
    },
  };
}

interface Adapter {
  readonly options: CommandOptions;
  readonly program: string;
  readonly template: readonly string[];
  /** The program's name, for messages. */
  readonly location: string;
  readonly folder: Parameters<typeof prepareWorkFolder>[0];
  readonly environment: ProgramEnvironment;
  readonly processes: PipedProcesses;
  readonly turns: KeyTurns;
  readonly running: Map<string, Running>;
  isClosed: boolean;
}

interface Running {
  readonly stop: AbortController;
  readonly settled: PromiseWithResolvers<void>;
}

/** Bounds the attempt in time, and lets those of one session have their turns. */
async function runAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  control: RunControl,
): Promise<RunOutcome> {
  if (adapter.isClosed) return closedOutcome;
  if (control.signal.aborted) return toStopOutcome(control.signal.reason);
  const run: Running = { stop: new AbortController(), settled: Promise.withResolvers<void>() };
  const { signal } = run.stop;
  const onAbort = () => run.stop.abort(control.signal.reason);
  const cancelDeadline = adapter.options.clock.after(attempt.timeoutMs, () => run.stop.abort("timeout"));
  control.signal.addEventListener("abort", onAbort, { once: true });
  adapter.running.set(attempt.key, run);
  let endTurn: (() => void) | null = null;
  try {
    if (attempt.session !== null) endTurn = await adapter.turns.begin(attempt.session.key, signal);
    return await startAttempt(adapter, attempt, { signal, onChunk: control.onChunk });
  } finally {
    endTurn?.();
    adapter.running.delete(attempt.key);
    run.settled.resolve();
    cancelDeadline();
    control.signal.removeEventListener("abort", onAbort);
  }
}

type RunParts = Pick<RunControl, "onChunk" | "signal">;

async function startAttempt(adapter: Adapter, attempt: RuntimeAttempt, parts: RunParts): Promise<RunOutcome> {
  const problem = await findProblem(adapter);
  if (parts.signal.aborted) return toStopped(parts.signal.reason, false);
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
  });
  if (end.errorLines.length > 0) {
    const lines = end.errorLines.map((line) => redactText(line, secrets));
    log.debug("what the program wrote on standard error", { program: location, lines });
  }
  if (signal.aborted && !end.isTooLarge) return toStopped(signal.reason, true);
  return matchCommandOutcome(end, { location, secrets });
}

/** The process and its group are gone: what was stopped does nothing more. */
function toStopped(reason: unknown, isStarted: boolean): RunOutcome {
  if (reason !== closedReason) return toStopOutcome(reason);
  return { ...closedOutcome, started: isStarted };
}

function refuse(message: string): RunOutcome {
  return { kind: "failed", failure: { class: "refused", message } };
}

/** Why no message can be given to the program, in one sentence; null when it can. Starts nothing. */
async function findProblem(adapter: Adapter): Promise<string | null> {
  const { program, template, environment, folder, options } = adapter;
  const wrong = findTemplateProblem(template, options.settings.input);
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

/** Of a status on the wire. */
const maxReasonLength = 1024;
