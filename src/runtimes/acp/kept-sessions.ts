import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { errorCodeOf, writeFileAtomic } from "../../platform/atomic-file.ts";
import type { Log } from "../../platform/log.ts";
import { readPrivateText } from "../../platform/private-files.ts";
import { createTurns } from "../../platform/turns.ts";
import { MeshError } from "../../protocol/errors.ts";
import { parseJsonText } from "../../protocol/json-text.ts";

/** Conversations whose ids at the agent are kept; the one used longest ago goes first. */
export const maxKeptSessions = 1_000;

/** The file, for this user alone: `sessions` in order of their last use. */
const KeptFile = z.object({
  version: z.literal(1),
  /** The agent's command; ids mean nothing to another one. */
  command: z.array(z.string()).readonly(),
  cwd: z.string(),
  sessions: z.array(z.object({ mesh: z.string(), agent: z.string() })),
});

/** Which conversation of the mesh is which of the agent, over restarts of both. */
export interface KeptSessions {
  /** Ids at the agent by mesh session, oldest use first. */
  readonly load: () => Promise<ReadonlyMap<string, string>>;
  /** Keeps the newest {@link maxKeptSessions}. A file that cannot be written is told in the log, and costs nothing else. */
  readonly save: (ids: ReadonlyMap<string, string>) => Promise<void>;
}

interface KeptOptions {
  readonly file: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly log: Log;
}

export function createKeptSessions({ file, command, cwd, log }: KeptOptions): KeptSessions {
  const turns = createTurns();
  const tell = (what: string, error: unknown) => {
    if (!(error instanceof MeshError) && errorCodeOf(error) === null) throw error;
    log.warn(what, { file, reason: errorCodeOf(error) });
  };
  const write = async (ids: ReadonlyMap<string, string>) => {
    const sessions = [...ids].slice(-maxKeptSessions).map(([mesh, agent]) => ({ mesh, agent }));
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const text = JSON.stringify({ version: 1, command, cwd, sessions } satisfies z.infer<typeof KeptFile>);
      await writeFileAtomic(file, `${text}\n`, { mode: 0o600, overwrite: true });
    } catch (error) {
      tell("the sessions of the agent could not be kept", error);
    }
  };
  return {
    load: async () => {
      try {
        const kept = parseKept(await readPrivateText(file));
        const isOurs = kept?.command.join("\0") === command.join("\0") && kept.cwd === cwd;
        return new Map(isOurs ? kept.sessions.map(({ mesh, agent }) => [mesh, agent]) : []);
      } catch (error) {
        tell("the kept sessions of the agent could not be read", error);
        return new Map();
      }
    },
    save: (ids) => {
      const now = new Map(ids);
      return turns.inTurn(() => write(now));
    },
  };
}

/** null: there is none, or it is no such file. */
function parseKept(text: string | null): z.infer<typeof KeptFile> | null {
  if (text === null) return null;
  try {
    return KeptFile.safeParse(parseJsonText(text)).data ?? null;
  } catch {
    // It was cut off or changed by hand; conversations begin anew.
    return null;
  }
}
