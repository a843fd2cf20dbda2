import { version } from "../package.json" with { type: "json" };
import { renderFault, writeAtOnce } from "./cli/fault-report.ts";

/**
 * Composition root: the only reader of the environment and the only caller of exit. The version is answered before
 * anything else is loaded.
 */
async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.length === 1 && ["version", "--version", "-v"].includes(args[0] ?? "")) {
    process.stdout.write(`claw-mesh ${version}\n`);
    return;
  }
  // Whatever is made from here on, here or by a child, is its owner's alone unless it says otherwise.
  const startUmask = process.umask(0o077);
  process.on("uncaughtException", endByFault);
  process.on("unhandledRejection", endByFault);
  // A reader that leaves early, such as `head`, is no fault.
  process.stdout.on("error", () => process.exit(0));
  const { runCli } = await import("./cli/run-cli.ts");
  const { createWorld } = await import("./cli/process-world.ts");
  const exitCode = await runCli(
    args,
    createWorld({
      env: process.env,
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      cwd: currentDirectory(),
      programFile: process.execPath,
      version,
      startUmask,
      interrupt: interruptOnSignals(),
    }),
  );
  await end(process.stdout);
  await end(process.stderr);
  process.exit(exitCode);
}

/**
 * The last resort: what reaches it escaped the part that should have caught it, so the state of that part is unknown and
 * nothing may go on. What is on the disk is made to survive this.
 */
function endByFault(error: unknown): void {
  try {
    const isDetailed = process.env.CLAW_MESH_LOG_LEVEL === "debug";
    const report = renderFault(error, { args: process.argv, env: process.env, isDetailed });
    writeAtOnce(process.stderr.fd, `${report}\n`);
  } finally {
    process.exit(1);
  }
}

/** null: it was deleted while this process or its parent stood in it. */
function currentDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** The first signal asks for an end, the second one takes it. */
function interruptOnSignals(): AbortSignal {
  const interrupt = new AbortController();
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(128 + number);
      interrupt.abort(new DOMException(signal, "AbortError"));
    });
  }
  return interrupt.signal;
}

/** Text written to a pipe may still be on its way; exit would cut it. The callback of an empty write does not wait for it. */
function end(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.end(() => resolve()));
}

void main();
