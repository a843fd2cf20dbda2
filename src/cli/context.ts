import type { CommandContext } from "@stricli/core";
import type { MeshFetch } from "../client/index.ts";
import type { Catalogue } from "../locale/index.ts";
import type { Clock } from "../platform/clock.ts";
import type { Environment } from "../platform/environment.ts";
import type { Input, Output } from "../platform/terminal.ts";
import type { GlobalFlags } from "./global-flags.ts";

/** What the world gives to the command line; `src/main.ts` makes it, tests make their own. */
export interface CliWorld {
  readonly env: Environment;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly fetch: MeshFetch;
  readonly clock: Clock;
  /** A new secret or key of 32 hexadecimal digits. */
  readonly createSecret: () => string;
  /** The current directory; null when it was deleted. */
  readonly cwd: string | null;
  readonly home: string;
  /** The executable that runs: claw-mesh, or Bun when it runs from the sources. */
  readonly programFile: string;
  readonly hostName: string;
  /** Version of this program. */
  readonly version: string;
  /** The umask that this process was started with; it runs with 077. Absent: with the one that it has. */
  readonly startUmask?: number;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupt: AbortSignal;
}

/** What every command gets. */
export interface CliContext extends CommandContext, CliWorld {
  readonly cwd: string;
  readonly process: CommandContext["process"] & { exitCode?: number | string | null };
  /** The exit code of a command that has printed its result and yet did not succeed. */
  readonly endWith: (exitCode: number) => void;
  readonly globals: GlobalFlags;
  readonly texts: Catalogue;
}
