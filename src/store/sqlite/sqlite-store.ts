import type { Clock } from "../../platform/clock.ts";
import type { Ids } from "../../platform/ids.ts";
import { closeDatabase, openDatabase, toOpenError } from "../../platform/sqlite.ts";
import { createWalFlusher } from "../../platform/sqlite-wal.ts";
import type { MeshId } from "../../protocol/ids.ts";
import { type Store, syncIntervalMs } from "../store.ts";
import { type Commit, createCommitter } from "./committer.ts";
import { createInviteStore } from "./invites.ts";
import { migrations } from "./migrations/index.ts";
import { createNodeStore } from "./nodes.ts";
import { createGroupStore, createRuleStore } from "./rules.ts";
import { createSessionStore } from "./sessions.ts";
import { createSharedSync } from "./shared-sync.ts";
import { loadMeshId } from "./statements/meta.ts";
import { createTaskStore } from "./tasks.ts";

export interface SqliteStoreOptions {
  /** The database, usually `<data dir>/mesh.db`. The caller holds the lock of its directory. */
  readonly file: string;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Called after every commit, before its callers learn of it. It must not throw. */
  readonly onCommit?: (commit: Commit) => void;
}

/**
 * The store of one coordinator: an SQLite database in this process, on the main thread. A commit holds up the event
 * loop, the fsync of a full one included, which on two cores was quicker than a worker thread.
 *
 * Measured there with `scripts/bench-store.ts`, `accept` and `change` to succeeded of one message, 64 in flight: 14 µs
 * CPU and 54,000 a second (`process`), 23 µs and 31,000 (`full`); 20 µs when others used the cores. A quarter of it is
 * the decision's bytes. Attempts as a JSON column, a message apart from its state, larger pages, caches or mmap changed
 * it by less than the noise. What would help latency is to checkpoint elsewhere: each one, every 4 MB, waits 5 ms.
 * @throws MeshError as `openDatabase` does
 */
export async function createSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { file, clock, ids, onCommit } = options;
  const database = openDatabase({ file, migrations, clock });
  let meshId: MeshId;
  try {
    meshId = loadMeshId(database, ids.mesh());
  } catch (error) {
    closeDatabase(database);
    throw toOpenError(file, error);
  }
  const wal = createWalFlusher(file, database);
  const shared = createSharedSync({ flush: wal.flush, clock, intervalMs: syncIntervalMs });
  const committer = createCommitter({
    database,
    flushing: shared,
    clock,
    ...(onCommit === undefined ? {} : { onCommit }),
  });
  let closing: Promise<void> | null = null;

  async function close(): Promise<void> {
    committer.close();
    await shared.close();
    await wal.close();
    closeDatabase(database);
  }

  return {
    meshId,
    tasks: createTaskStore(database, committer),
    nodes: createNodeStore(database, committer),
    rules: createRuleStore(database, committer),
    groups: createGroupStore(database, committer),
    sessions: createSessionStore(database, committer, clock),
    invites: createInviteStore(database, committer),
    sync: shared.sync,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
