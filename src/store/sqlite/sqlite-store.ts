import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import {
  closeDatabase,
  type Database,
  openDatabase,
  rewriteDatabase,
  toOpenError,
} from "../../platform/sqlite.ts";
import { backupTimeMs, listBackups, wayBack } from "../../platform/sqlite-backups.ts";
import { createLiveBackup } from "../../platform/sqlite-live-backup.ts";
import { createWalFlusher } from "../../platform/sqlite-wal.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { MeshId } from "../../protocol/ids.ts";
import { type Store, syncIntervalMs } from "../store.ts";
import { createAuditStore } from "./audit.ts";
import { createBackupSchedule } from "./backup-schedule.ts";
import { type Commit, createCommitter } from "./committer.ts";
import { createInviteStore } from "./invites.ts";
import { migrations } from "./migrations/index.ts";
import { createNodeStore } from "./nodes.ts";
import { createGroupStore, createRuleStore } from "./rules.ts";
import { createSessionStore } from "./sessions.ts";
import { createSharedSync } from "./shared-sync.ts";
import { loadMeshId, markBackup, prepareBackupMark } from "./statements/meta.ts";
import { createTaskStore } from "./tasks.ts";
import { createTokenStore } from "./tokens.ts";

export interface SqliteStoreOptions {
  /** The database, usually `<data dir>/mesh.db`. The caller holds the lock of its directory. */
  readonly file: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Told of backups and, once, of damage. */
  readonly log?: Pick<Log, "info" | "warn" | "error">;
  /** Called after every commit, before its callers learn of it. It must not throw. */
  readonly onCommit?: (commit: Commit) => void;
}

/**
 * The store of one coordinator: an SQLite database in this process, on the main thread. A commit holds up the event
 * loop; waiting for the disk does not. It is backed up by itself.
 *
 * Measured on two cores with `scripts/bench-store.ts`, `accept` and `change` to succeeded of one message, 64 in flight:
 * 14 µs CPU and 54,000 a second (`process`). A quarter of it is the decision's bytes. Attempts as a JSON column, a
 * message apart from its state, larger pages, caches or mmap changed it by less than the noise. What would help latency
 * is to checkpoint elsewhere: each one, every 8 MB, waits 5 ms, and on a disk that takes 10 ms to flush 30 ms.
 * @throws MeshError as `openDatabase` does
 */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, clock, ids, onCommit, log = silent } = options;
  const database = openOrTell(options, log);
  const wal = createWalFlusher(file, database);
  const shared = createSharedSync({ flush: wal.flush, clock, intervalMs: syncIntervalMs });
  let meshId: MeshId;
  try {
    meshId = loadMeshId(database, ids.mesh());
    // A former process may have died between a commit and its flush: who repeats a key must not be told of that commit.
    await shared.syncNow();
  } catch (error) {
    await wal.close();
    closeDatabase(database);
    throw told(toOpenError(error, { file, nowMs: clock.nowMs() }), log);
  }
  let isDamaged = false;
  const onDamage = (error: unknown) => {
    if (!isDamaged)
      log.error("the database is damaged; stop the coordinator", {
        error,
        hint: wayBack(file, clock.nowMs()),
      });
    isDamaged = true;
  };
  const backup = createLiveBackup({ database, file, version: migrations.length, clock, markBackup });
  const backups = createBackupSchedule({
    save: async () => {
      // A copy of damage would take the place of a good one.
      if (isDamaged) throw new MeshError("STORE_CORRUPT", "the database is damaged");
      return backup.save();
    },
    newestAtMs: listBackups(file).map(backupTimeMs)[0] ?? null,
    clock,
    log,
  });
  const committer = createCommitter({
    database,
    flushing: shared,
    clock,
    onDamage,
    onCommit: (commit) => {
      backups.noteChange();
      onCommit?.(commit);
    },
  });
  const mark = prepareBackupMark(database);
  let closing: Promise<void> | null = null;

  async function close(): Promise<void> {
    committer.close();
    backup.stop();
    await backups.close();
    await shared.close();
    // What the last flush did not bring to the disk.
    committer.close();
    await wal.close();
    closeDatabase(database);
    await backup.release();
  }

  return {
    meshId,
    tasks: createTaskStore(database, committer, clock),
    nodes: createNodeStore(database, committer),
    rules: createRuleStore(database, committer),
    groups: createGroupStore(database, committer),
    sessions: createSessionStore(database, committer, clock),
    invites: createInviteStore(database, committer),
    tokens: createTokenStore(database, committer),
    audit: createAuditStore(database, committer),
    backupMark: {
      load: () => committer.read(mark.load),
      clear: () => committer.write("full", mark.clear),
    },
    scrub: () => committer.read(() => rewriteDatabase(database)),
    sync: shared.sync,
    trouble: committer.trouble,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function openOrTell({ file, clock }: SqliteStoreOptions, log: Pick<Log, "info">): Database {
  try {
    return openDatabase({ file, migrations, clock, markBackup });
  } catch (error) {
    throw told(error, log);
  }
}

/** Who starts a coordinator is told what to do; what was found in the file is for the log alone. */
function told(error: unknown, log: Pick<Log, "info">): unknown {
  if (error instanceof MeshError && error.code === "STORE_CORRUPT")
    log.info("the database is damaged", { found: String(error.cause) });
  return error;
}

const silent: Pick<Log, "info" | "warn" | "error"> = { info: () => {}, warn: () => {}, error: () => {} };
