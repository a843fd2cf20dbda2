import type { Database } from "bun:sqlite";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { MeshError } from "../protocol/errors.ts";
import { syncDirectory } from "./atomic-file.ts";

/** Makes everything committed so far survive a power cut, without a commit and without holding up the event loop. */
export interface WalFlusher {
  /** Rejects when the disk did not take it. One call at a time. */
  readonly flush: () => Promise<void>;
  /** Call it before the database is closed. */
  readonly close: () => Promise<void>;
}

/**
 * A commit under `synchronous=normal` is in the WAL file but perhaps not yet on the disk; a checkpoint puts on the disk
 * all that it copies out of the WAL before it lets the file be overwritten, and the first commit after that puts the new
 * header there. So flushing the WAL file, through a handle of our own and in a thread of the platform, covers all
 * earlier commits. (Only the database file and its `-shm` carry locks that closing another handle would drop; the WAL
 * carries none.) The first flush covers the directory too, in which the files may be new.
 *
 * After a failed flush the system may count what it could not write as written, and say of the next flush that all is
 * well. So that one first copies everything out of the WAL, flushes the database and empties the WAL: whatever came into
 * doubt is then written a second time, to another file.
 */
export function createWalFlusher(databaseFile: string, database: Database): WalFlusher {
  let handle: FileHandle | null = null;
  let isInDoubt = false;

  async function openWal(): Promise<FileHandle> {
    const opened = await open(`${databaseFile}-wal`, "r+");
    await syncDirectory(dirname(databaseFile));
    return opened;
  }

  return {
    flush: async () => {
      try {
        if (isInDoubt) rewrite(database);
        handle ??= await openWal();
        await handle.datasync();
        isInDoubt = false;
      } catch (error) {
        isInDoubt = true;
        throw error;
      }
    },
    close: async () => {
      await handle?.close();
      handle = null;
    },
  };
}

/** It holds up the event loop for as long as the disk takes. */
function rewrite(database: Database): void {
  const result = database.query<{ busy: number }, []>("pragma wal_checkpoint(truncate)").get();
  if (result?.busy === 0) return;
  throw new MeshError(
    "STORE_UNAVAILABLE",
    "another program reads the database, so it cannot be made sure of",
  );
}
