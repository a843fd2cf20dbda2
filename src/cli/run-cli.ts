import { run } from "@stricli/core";
import { loadTexts } from "../locale/index.ts";
import { MeshError } from "../protocol/errors.ts";
import { createApp } from "./app.ts";
import type { CliContext, CliWorld } from "./context.ts";
import { renderError } from "./error-report.ts";
import { type GlobalFlags, takeGlobalFlags } from "./global-flags.ts";

/**
 * Runs one command line.
 * @returns the exit code: 0 fine, 1 the operation failed, 2 usage, 3 cannot reach, 4 not allowed, 5 not found, 6 no
 *   node fits
 */
export async function runCli(args: readonly string[], world: CliWorld): Promise<number> {
  const texts = loadTexts(world.env);
  let taken: { readonly globals: GlobalFlags; readonly rest: readonly string[] };
  let context: CliContext;
  try {
    taken = takeGlobalFlags(args, texts);
    context = createContext(world, texts, taken.globals);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    world.stderr.write(
      `${renderError(error, { texts, output: world.stderr, json: args.includes("--json") })}\n`,
    );
    return error.exitCode;
  }
  const app = createApp({
    texts,
    columns: context.stdout.columns,
    usageOf: usageOf(toInputs(taken.rest)),
    formatError: (error) => renderError(error, { texts, output: context.stderr, json: context.globals.json }),
  });
  await run(app, toInputs(taken.rest), context);
  return toExitCode(context.process.exitCode);
}

/** @throws MeshError USAGE when there is no current directory */
function createContext(world: CliWorld, texts: CliContext["texts"], globals: GlobalFlags): CliContext {
  const stdout = globals.noColor ? withoutColour(world.stdout) : world.stdout;
  const stderr = globals.noColor ? withoutColour(world.stderr) : world.stderr;
  const streams: CliContext["process"] = { stdout, stderr };
  const endWith = (exitCode: number) => {
    streams.exitCode = exitCode;
  };
  const { cwd } = world;
  if (cwd === null)
    throw new MeshError("USAGE", texts.errors.noDirectory, { hint: texts.errors.noDirectoryHint });
  return { ...world, cwd, stdout, stderr, texts, globals, process: streams, endWith };
}

function withoutColour(output: CliWorld["stdout"]): CliWorld["stdout"] {
  return {
    write: output.write,
    writeAndWait: output.writeAndWait,
    isTerminal: output.isTerminal,
    hasColour: false,
    get columns() {
      return output.columns;
    },
  };
}

/** `claw-mesh help send` is `claw-mesh send --help`; `--version` works like the command. */
function toInputs(args: readonly string[]): readonly string[] {
  const [first, ...rest] = args;
  if (first === "help") return [...rest, "--help"];
  return first === "--version" || first === "-v" ? ["version", ...rest] : args;
}

const commandsWithWords: ReadonlySet<string> = new Set([
  "route",
  "group",
  "node",
  "task",
  "dead-letter",
  "token",
  "invite",
  "audit",
]);

const inviteCommands: ReadonlySet<string> = new Set(["create", "list", "revoke"]);

/** The command that was meant, as its help is asked for: `claw-mesh route add`. */
function usageOf(args: readonly string[]): string {
  const [first = "", second = ""] = args;
  const words = commandsWithWords.has(first) ? [first, second] : [first];
  // Alone or with flags it makes an invite; the help of `invite` itself does not tell those flags.
  if (first === "invite" && second.startsWith("-")) words[1] = "create";
  // A word that is none of its commands is taken for an argument of create: the help that lists them is meant.
  else if (first === "invite" && !inviteCommands.has(second)) words.length = 1;
  return ["claw-mesh", ...words.filter((word) => /^[a-z][a-z-]*$/.test(word))].join(" ");
}

/** The library has negative codes of its own for typing errors. */
function toExitCode(code: number | string | null | undefined): number {
  const number = Number(code ?? 0);
  if (number >= 0) return number;
  return number === -4 || number === -5 ? 2 : 1;
}
