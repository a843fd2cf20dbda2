import { hostname } from "node:os";
import { systemClock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import { createFetch } from "../platform/http-fetch.ts";
import { createSecret } from "../platform/ids.ts";
import { homeDir } from "../platform/paths.ts";
import { createInput, createOutput } from "../platform/terminal.ts";
import type { CliWorld } from "./context.ts";

interface ProcessParts {
  readonly env: Environment;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly cwd: string | null;
  readonly programFile: string;
  readonly version: string;
  readonly startUmask: number;
  readonly interrupt: AbortSignal;
}

/** The world of a real process. */
export function createWorld(parts: ProcessParts): CliWorld {
  const { env, stdin, stdout, stderr, cwd, programFile, version, startUmask, interrupt } = parts;
  return {
    env,
    stdin: createInput(stdin),
    stdout: createOutput(stdout, env),
    stderr: createOutput(stderr, env),
    fetch: createFetch({ env }),
    clock: systemClock,
    createSecret,
    cwd,
    programFile,
    home: homeDir(env),
    hostName: hostname(),
    version,
    startUmask,
    interrupt,
  };
}
