import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../platform/atomic-file.ts";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { type Clock, toIsoTime } from "../../platform/clock.ts";
import { privateDirMode, privateFileMode } from "../../platform/private-files.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import type { SeedChange } from "./take-workspace.ts";

/** Identities of this machine of which it is known; the oldest are forgotten. */
const maxIdentities = 256;
const maxTakenBytes = 256 * 1024;

/** Bytes of the list of changes before another is begun; the last one is kept beside it. */
const maxChangesBytes = 4 * 1024 * 1024;

export type SeedPart = "workspace" | "config";

const TakenFile = z.record(
  z.string(),
  z.object({ workspace: z.string().optional(), config: z.string().optional() }),
);
type TakenFile = z.infer<typeof TakenFile>;

/** What this machine has taken over, in the folder `seed` of the data directory. */
export interface SeedRecord {
  /** One JSON line for each file that was written, with its backup. */
  readonly changesFile: string;
  readonly wasTaken: (part: SeedPart) => Promise<boolean>;
  readonly setTaken: (part: SeedPart) => Promise<void>;
  /** @throws the file system's error */
  readonly addChange: (change: SeedChange) => Promise<void>;
}

interface RecordOptions {
  readonly dataDir: string;
  /** Of the node in this mesh: what was taken once by one is not by another. */
  readonly identity: string;
  readonly clock: Clock;
}

export function createSeedRecord({ dataDir, identity, clock }: RecordOptions): SeedRecord {
  const folder = join(dataDir, "seed");
  const takenFile = join(folder, "taken.json");
  const changesFile = join(folder, "changes.jsonl");
  const makeFolder = () => mkdir(folder, { recursive: true, mode: privateDirMode });

  /** A damaged file is an empty one: what was taken is taken again, which changes nothing. */
  async function load(): Promise<TakenFile> {
    const read = await readBoundedText(takenFile, { maxBytes: maxTakenBytes, followsLinks: false });
    const parsed = TakenFile.safeParse("text" in read ? tryParse(read.text) : null);
    return parsed.success ? parsed.data : {};
  }

  return {
    changesFile,
    wasTaken: async (part) => {
      const taken = await load();
      return Object.hasOwn(taken, identity) && taken[identity]?.[part] !== undefined;
    },
    setTaken: async (part) => {
      await makeFolder();
      const { [identity]: own, ...others } = await load();
      const kept = Object.entries(others).slice(-(maxIdentities - 1));
      const next = [...kept, [identity, { ...own, [part]: toIsoTime(clock.nowMs()) }]];
      await writeFileAtomic(takenFile, `${JSON.stringify(Object.fromEntries(next), null, 2)}\n`, {
        mode: privateFileMode,
        overwrite: true,
      });
    },
    addChange: async (change) => {
      await makeFolder();
      const size = await stat(changesFile).then(
        (stats) => stats.size,
        () => 0,
      );
      if (size > maxChangesBytes) await rename(changesFile, `${changesFile}.1`);
      const line = JSON.stringify({ at: toIsoTime(clock.nowMs()), identity, ...change });
      await appendFile(changesFile, `${line}\n`, { mode: privateFileMode });
    },
  };
}

function tryParse(text: string): unknown {
  try {
    return parseJsonText(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
