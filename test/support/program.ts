import { join } from "node:path";

/** The compiled executable, as `make build` leaves it, or another one to test in its place. */
export const executable =
  process.env.CLAW_MESH_EXECUTABLE ?? join(import.meta.dir, "..", "..", "bin", "claw-mesh");

export interface Exit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  readonly args: readonly string[];
  /** Words before the executable, such as a tracer that leaves the process id to it. Default: none. */
  readonly wrapper?: readonly string[];
  readonly cwd: string;
  /** All variables of the process; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
}

/** A running process of the compiled executable, with all it has written so far. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The first line of either stream that matches, also one from before the call. Throws when it does not come. */
  readonly waitForLine: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Sends the signal and waits for the end. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<Exit>;
  readonly exited: Promise<Exit>;
}

const defaultWaitMs = 10_000;
/** How long a process may take to end by SIGTERM when a test is over. */
const disposeMs = 8_000;

interface Waiter {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
}

interface LineLog {
  readonly text: { stdout: string; stderr: string };
  readonly append: (stream: "stdout" | "stderr", text: string) => void;
  readonly waitFor: (pattern: RegExp) => {
    readonly found: Promise<RegExpExecArray>;
    readonly forget: () => void;
  };
}

function createLineLog(): LineLog {
  const text = { stdout: "", stderr: "" };
  const lines: string[] = [];
  const partial = { stdout: "", stderr: "" };
  const waiters = new Set<Waiter>();
  const append: LineLog["append"] = (stream, piece) => {
    text[stream] += piece;
    const whole = (partial[stream] + piece).split("\n");
    partial[stream] = whole.pop() ?? "";
    for (const line of whole) {
      lines.push(line);
      for (const waiter of waiters) {
        const match = waiter.pattern.exec(line);
        if (match !== null) waiter.resolve(match);
      }
    }
  };
  const waitFor: LineLog["waitFor"] = (pattern) => {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>();
    const waiter: Waiter = { pattern, resolve };
    for (const line of lines) {
      const match = pattern.exec(line);
      if (match !== null) resolve(match);
    }
    waiters.add(waiter);
    return { found: promise, forget: () => void waiters.delete(waiter) };
  };
  return { text, append, waitFor };
}

async function readInto(stream: ReadableStream<Uint8Array>, append: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const piece of stream) append(decoder.decode(piece, { stream: true }));
  append(decoder.decode());
}

export function startProgram({ args, cwd, env, wrapper = [] }: ProgramOptions): Program {
  const log = createLineLog();
  const child = Bun.spawn([...wrapper, executable, ...args], {
    cwd,
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const drained = Promise.all([
    readInto(child.stdout, (text) => log.append("stdout", text)),
    readInto(child.stderr, (text) => log.append("stderr", text)),
  ]);
  const exited = child.exited.then(async (): Promise<Exit> => {
    await drained;
    return { code: child.exitCode, signal: child.signalCode as NodeJS.Signals | null };
  });
  const describeSoFar = () =>
    `claw-mesh ${args.join(" ")}\n--- stdout\n${log.text.stdout}\n--- stderr\n${log.text.stderr}`;

  const stop: Program["stop"] = async (signal = "SIGTERM") => {
    child.kill(signal);
    return exited;
  };
  return {
    pid: child.pid,
    stdout: () => log.text.stdout,
    stderr: () => log.text.stderr,
    kill: (signal) => child.kill(signal),
    stop,
    exited,
    waitForLine: async (pattern, timeoutMs = defaultWaitMs) => {
      const { found, forget } = log.waitFor(pattern);
      const early = exited.then(
        (exit) => exit,
        () => null,
      );
      try {
        const first = await Promise.race([found, early, Bun.sleep(timeoutMs)]);
        if (Array.isArray(first)) return first as RegExpExecArray;
        const why =
          first === undefined ? `not within ${timeoutMs} ms` : `ended with ${JSON.stringify(first)}`;
        throw new Error(`no line ${pattern}: ${why}\n${describeSoFar()}`);
      } finally {
        forget();
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const isOver = await Promise.race([stop(), Bun.sleep(disposeMs)]);
      if (isOver === undefined) await stop("SIGKILL");
    },
  };
}

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON; throws when it is not. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of output that they then compare.
  readonly json: () => any;
}

export interface CommandOptions extends ProgramOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** Runs a command to its end. */
export async function runProgram(options: CommandOptions): Promise<CommandResult> {
  const child = Bun.spawn([executable, ...options.args], {
    cwd: options.cwd,
    env: { ...options.env },
    stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 30_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const exitCode = child.exitCode;
  return {
    exitCode,
    stdout,
    stderr,
    json: () => {
      try {
        return JSON.parse(stdout);
      } catch (cause) {
        throw new Error(`not JSON (exit code ${exitCode}): ${stdout}\n--- stderr\n${stderr}`, { cause });
      }
    },
  };
}
