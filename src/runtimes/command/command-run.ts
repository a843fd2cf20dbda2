import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { ChildExit } from "../../platform/child-processes.ts";
import type { Clock } from "../../platform/clock.ts";
import { endProcessGroup, type PipedProcess } from "../../platform/piped-process.ts";
import { keepLastLines, type LastLines } from "../last-lines.ts";
import type { RunChunk } from "../runtime.ts";
import type { AnswerReader, AnswerReaderOptions, AnswerText } from "./answer-reader.ts";

/** How long the end of a program may take. */
export interface CommandLimits {
  /** From SIGTERM to SIGKILL. */
  readonly killGraceMs: number;
  /** How long what it has started may hold its output open after its own end. */
  readonly outputGraceMs: number;
}

export const commandLimits: CommandLimits = { killGraceMs: 2_000, outputGraceMs: 1_000 };

/** How a process ended, before anybody has judged what that means. */
export interface CommandEnd {
  /** null: it could not even be killed. */
  readonly exit: ChildExit | null;
  readonly answer: AnswerText;
  readonly isTooLarge: boolean;
  /** What it wrote last on standard error, oldest first. */
  readonly errorLines: readonly string[];
}

interface FollowOptions {
  /** For standard input; null: it is empty. */
  readonly input: string | null;
  readonly createAnswer: (options: AnswerReaderOptions) => AnswerReader;
  readonly onChunk: (chunk: RunChunk) => void;
  /** Ends the process and its group. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly limits: CommandLimits;
}

/** Goes with a process from its start to its end, and to the end of what it leaves running in its group. */
export async function followCommand(
  piped: PipedProcess,
  { input, createAnswer, onChunk, signal, clock, limits }: FollowOptions,
): Promise<CommandEnd> {
  let isTooLarge = false;
  let ending: Promise<void> | null = null;
  const stopped = Promise.withResolvers<null>();
  const stop = () => {
    ending ??= endProcessGroup(piped, { clock, graceMs: limits.killGraceMs }).finally(() =>
      stopped.resolve(null),
    );
  };
  const answer = createAnswer({
    onChunk: (chunk) => {
      if (!signal.aborted) onChunk(chunk);
    },
    onTooLarge: () => {
      isTooLarge = true;
      stop();
    },
  });
  const errors = keepLastLines(piped.stderr);
  const output = pump(piped.stdout, answer);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  if (input !== null) void sendInput(piped, input);
  try {
    const exit = await Promise.race([piped.exited, stopped.promise]);
    await finishOutput(piped, { output, errors, clock, limitMs: limits.outputGraceMs });
    if (ending !== null) await ending;
    answer.end();
    return { exit, answer: answer.result(), isTooLarge, errorLines: errors.lines() };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

interface OutputParts {
  readonly output: Pump;
  readonly errors: LastLines;
  readonly clock: Clock;
  readonly limitMs: number;
}

/** Nothing of an attempt stays behind: what the program left in its group is ended, even if it kept its output open. */
async function finishOutput(
  piped: PipedProcess,
  { output, errors, clock, limitMs }: OutputParts,
): Promise<void> {
  const done = Promise.all([output.done, errors.done]).then(() => true);
  await waitAtMost(done, { clock, limitMs, otherwise: false });
  piped.signalGroup("SIGKILL");
  await waitAtMost(done, { clock, limitMs, otherwise: false });
  // What went into a group of its own may hold the pipes for ever.
  void output.cancel();
  void errors.cancel();
}

interface Pump {
  readonly done: Promise<void>;
  readonly cancel: () => Promise<void>;
}

function pump(stream: ReadableStream<Uint8Array>, answer: AnswerReader): Pump {
  const reader = stream.getReader();
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      answer.push(value);
    }
  };
  return {
    // A pipe that broke has ended; the exit of the program tells how.
    done: read().catch(() => undefined),
    cancel: async () => {
      await Promise.allSettled([reader.cancel()]);
    },
  };
}

/** A program may end, or close its input, before it has read all of it: that is no fault of its own. */
async function sendInput(piped: PipedProcess, input: string): Promise<void> {
  await Promise.allSettled([piped.write(new TextEncoder().encode(input))]);
  await Promise.allSettled([piped.endInput()]);
}
