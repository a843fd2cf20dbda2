import type { MeshId } from "../protocol/ids.ts";
import type { AuditStore } from "./audit.ts";
import type { BackupMark } from "./backup-mark.ts";
import type { InviteStore } from "./invites.ts";
import type { NodeStore } from "./nodes.ts";
import type { GroupStore, RuleStore } from "./rules.ts";
import type { SessionStore } from "./sessions.ts";
import type { TaskStore } from "./tasks.ts";
import type { TokenStore } from "./tokens.ts";

/**
 * How much a committed write survives. `process`: the end of this process (kill -9), not a power cut. `full`: a power
 * cut too. Writes of one loop turn share one commit; those that asked for `full` then wait for the disk.
 */
export type Durability = "process" | "full";

/**
 * The durable state of one mesh. Every method is one atomic transition, resolves after the commit that covers it, and
 * rejects with a MeshError STORE_UNAVAILABLE when it could not be committed, or STORE_CORRUPT when the database is
 * damaged. Then nothing of it happened, and it can be tried again; only what sets a value in full may be there.
 */
export interface Store {
  /** Made when the store is first opened; names the mesh for good. */
  readonly meshId: MeshId;
  readonly tasks: TaskStore;
  readonly nodes: NodeStore;
  readonly rules: RuleStore;
  readonly groups: GroupStore;
  readonly sessions: SessionStore;
  readonly invites: InviteStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  readonly backupMark: BackupMark;

  /**
   * Resolves when all that was committed before the call is durable in full. Callers that arrive while one is on its
   * way share the next one; at most one runs per {@link syncIntervalMs}.
   */
  readonly sync: () => Promise<void>;

  /** Why new work is refused now, or was moments ago: the disk is full or fails. null: nothing is known to be wrong. */
  readonly trouble: () => string | null;

  /**
   * Rewrites all that is stored, so that nothing is left of what was replaced or deleted before. For a start: it holds up the
   * event loop about as long as the backup before a migration. Rejects as other methods do; then it may be left.
   */
  readonly scrub: () => Promise<void>;

  /** Commits what is queued and closes. Later calls reject with a StoreClosedError. */
  readonly close: () => Promise<void>;
}

/** Acknowledgements to nodes wait at most this long for the full commit they share. */
export const syncIntervalMs = 20;
