import { runCli } from "../../src/cli/run-cli.ts";
import { systemClock } from "../../src/platform/clock.ts";

/** The help of every command, found from the root's own list of commands, at a width of 100. */
export async function dumpCliHelp(): Promise<string> {
  const sections: string[] = [];
  const visit = async (command: readonly string[]): Promise<void> => {
    const help = await printHelp(command);
    sections.push(`$ ${["claw-mesh", ...command, "--help"].join(" ")}\n\n${help.trimEnd()}\n`);
    for (const name of subcommandsOf(help)) await visit([...command, name]);
  };
  await visit([]);
  return sections.join("\n");
}

async function printHelp(command: readonly string[]): Promise<string> {
  let stdout = "";
  const output = { writeAndWait: async () => {}, isTerminal: false, hasColour: false, columns: 100 };
  const exitCode = await runCli([...command, "--help"], {
    env: {},
    stdin: { isTerminal: false, readText: async () => "", readLine: async () => null },
    stdout: {
      ...output,
      write: (text) => {
        stdout += text;
      },
    },
    stderr: { ...output, write: (text) => console.error(text) },
    fetch,
    clock: systemClock,
    createSecret: () => "0".repeat(32),
    cwd: "/",
    home: "/",
    programFile: "/bin/claw-mesh",
    hostName: "host",
    version: "0.0.0",
    interrupt: new AbortController().signal,
  });
  if (exitCode !== 0) throw new Error(`claw-mesh ${command.join(" ")} --help ended with ${exitCode}`);
  return stdout;
}

function subcommandsOf(help: string): readonly string[] {
  const [, list = ""] = help.split("\nCOMMANDS\n");
  return [...list.matchAll(/^ {2}([a-z][a-z-]*) /gm)].map(([, name = ""]) => name);
}
