import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import { createPipedProcesses, endProcessGroup, type PipedProcess } from "../../platform/piped-process.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { tidyLine } from "../../runtimes/tidy-line.ts";
import { withFileFailures } from "./file-failure.ts";
import { installEnvironment } from "./install-environment.ts";
import { toNpmError } from "./npm-failure.ts";

/** Of npm's output: kept in the log, and of that, kept to tell the last lines of. */
const maxLogBytes = 1024 * 1024;
const maxTailChars = 64 * 1024;
const maxLastLines = 5;

/** An installation of OpenClaw took 40 s on a small machine. */
const npmLimitMs = 15 * 60_000;

/** Time that npm gets to put things in order when it is called off. */
const endGraceMs = 5_000;

export interface NpmCommand {
  /** Arguments after npm. */
  readonly args: readonly string[];
  /** In messages: `install openclaw@2026.9.6`. */
  readonly task: string;
  readonly byHand: string;
  /** Where it writes; null: it only reads. */
  readonly prefix: string | null;
  /** Whether standard output is asked for as JSON; default true. */
  readonly isJson?: boolean;
  /** Whether files get the rights that those of this user usually get, and not only his own: other users run what is global. */
  readonly isShared?: boolean;
}

export interface NpmDeps {
  /** Absolute path. */
  readonly npm: string;
  readonly env: Environment;
  readonly clock: Clock;
  /** Folder of the Node.js that npm runs under, and the install scripts of packages; null: that of PATH. */
  readonly nodeDir: string | null;
  /** The umask that this process was started with; undefined: the one that it has. */
  readonly startUmask?: number;
  /** An existing folder without a package of its own. */
  readonly cwd: string;
  /** What npm writes is added to it. */
  readonly logFile: string;
  readonly signal: AbortSignal;
}

/**
 * Runs npm, which does not outlive this process.
 * @returns what it wrote on standard output, at most {@link maxTailChars} of it
 * @throws MeshError of `toNpmError`; the reason of `signal`
 */
export async function runNpm(command: NpmCommand, deps: NpmDeps): Promise<string> {
  deps.signal.throwIfAborted();
  const log = await openLog(deps.logFile);
  const processes = createPipedProcesses();
  const limit = new AbortController();
  const cancelLimit = deps.clock.after(npmLimitMs, () => limit.abort());
  try {
    const child = processes.start({
      command: toProcess(command, deps),
      cwd: deps.cwd,
      env: installEnvironment(deps.env, deps.nodeDir),
      stdin: "ignore",
    });
    const ended = endOnAbort(child, AbortSignal.any([deps.signal, limit.signal]), deps.clock);
    const [stdout, stderr, exit] = await Promise.all([
      keepOutput(child.stdout, log),
      keepOutput(child.stderr, log),
      child.exited,
    ]);
    await ended();
    deps.signal.throwIfAborted();
    if (exit.code === 0) return stdout;
    throw toNpmError({
      ...command,
      code: limit.signal.aborted ? "ETIMEDOUT" : findCode(stdout, stderr),
      lastLines: lastLinesOf(stderr === "" ? stdout : stderr),
      logFile: deps.logFile,
    });
  } finally {
    cancelLimit();
    processes.stop();
    await log.close();
  }
}

function toProcess(
  { args, isJson = true, isShared = false }: NpmCommand,
  { npm, startUmask }: NpmDeps,
): string[] {
  const quiet = [...(isJson ? ["--json"] : []), "--no-audit", "--no-fund", "--loglevel=error"];
  const command = [npm, ...args, ...quiet];
  if (!isShared || startUmask === undefined) return command;
  // The umask of this process stays: other files are written at the same time.
  return ["/bin/sh", "-c", 'umask "$1"; shift; exec "$@"', "sh", `0${startUmask.toString(8)}`, ...command];
}

interface NpmLog {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function openLog(path: string): Promise<NpmLog> {
  const file = await withFileFailures(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, "a", 0o600);
  });
  let { size } = await file.stat();
  return {
    write: async (bytes) => {
      const kept = bytes.subarray(0, Math.max(0, maxLogBytes - size));
      size += kept.byteLength;
      if (kept.byteLength > 0) await withFileFailures(path, () => file.appendFile(kept));
    },
    close: () => file.close(),
  };
}

/** Empties the log before the first of several commands. */
export async function resetNpmLog(path: string): Promise<void> {
  await withFileFailures(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await (await open(path, "w", 0o600)).close();
  });
}

async function keepOutput(stream: ReadableStream<Uint8Array>, log: NpmLog): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of stream) {
    await log.write(piece);
    text = (text + decoder.decode(piece, { stream: true })).slice(-maxTailChars);
  }
  return text;
}

/** @returns resolves when the process is gone, if it was ended */
function endOnAbort(child: PipedProcess, signal: AbortSignal, clock: Clock): () => Promise<void> {
  let ending = Promise.resolve();
  const end = () => {
    ending = endProcessGroup(child, { clock, graceMs: endGraceMs });
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  return async () => {
    signal.removeEventListener("abort", end);
    await ending;
  };
}

const NpmErrorOutput = z.object({ error: z.object({ code: z.string().max(64) }) });

/** `--json` puts the failure on standard output; an npm that fails early has only lines on standard error. */
function findCode(stdout: string, stderr: string): string | null {
  const start = stdout.indexOf("{");
  if (start !== -1) {
    try {
      const told = NpmErrorOutput.safeParse(parseJsonText(stdout.slice(start)));
      if (told.success) return told.data.error.code;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return /^npm (?:error|ERR!) code ([A-Z][A-Z0-9_]{2,60})$/m.exec(stderr)?.[1] ?? null;
}

/** Without the pointers to npm's own logs that end each failure. */
function lastLinesOf(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => tidyLine(line.replace(/^npm (?:error|ERR!) ?/, ""), []))
    .filter((line) => line !== "" && !/complete log of this run|^[{}\],]+$/.test(line))
    .slice(-maxLastLines);
}

const PackageFacts = z.object({ version: z.string().max(128), "dist.integrity": z.string().max(256) });

/**
 * Version and integrity of a package as the registry has them.
 * @param spec `openclaw@2026.9.6`, `openclaw@latest`
 */
export async function viewPackage(
  spec: string,
  byHand: string,
  deps: NpmDeps,
): Promise<{ readonly version: string; readonly integrity: string }> {
  const task = `view ${spec}`;
  // Nobody is kept waiting by tries again when there is no network at all.
  const args = [
    "view",
    spec,
    "version",
    "dist.integrity",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
  ];
  const output = await runNpm({ args, task, byHand, prefix: null }, deps);
  const missing = () =>
    toNpmError({ task, byHand, code: "E404", lastLines: [], logFile: deps.logFile, prefix: null });
  if (output.trim() === "") throw missing();
  try {
    const told = PackageFacts.safeParse(lastOf(parseJsonText(output)));
    if (!told.success) throw missing();
    return { version: told.data.version, integrity: told.data["dist.integrity"] };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new MeshError("RUNTIME_INSTALL_FAILED", `npm ${task} answered no JSON`, { cause: error });
  }
}

/** A range has several answers; the last is the newest. */
function lastOf(value: unknown): unknown {
  return Array.isArray(value) ? value.at(-1) : value;
}
