import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Store } from "../../store/store.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import type { RouteAudit } from "../http/call.ts";
import type { Handlers } from "../http/contract-routes.ts";
import { type AuditPruning, createAuditPruning, defaultMaxAuditEntries } from "./audit-pruning.ts";
import { createJoinActs, type JoinActs } from "./join-acts.ts";
import { noteNodeEvents } from "./node-acts.ts";
import { ownAct } from "./own-act.ts";
import { createRepeatCounts } from "./repeat-counts.ts";
import { createRouteAudit, onlyAudited } from "./route-audit.ts";
import { createStoreTrail, type StoreTrail } from "./store-trail.ts";

/** Who did what from where: written, kept, shown and checked. */
export interface Audit {
  readonly trail: StoreTrail;
  readonly pruning: AuditPruning;
  readonly recordCall: RouteAudit;
  readonly joins: JoinActs;
  /** See {@link onlyAudited}. */
  readonly onlyAudited: (handlers: Handlers) => Handlers;
  /** Says that the coordinator runs; resolves when that is stored, or the disk has refused it. */
  readonly start: () => Promise<void>;
  /** Says that it stops, in order; resolves when all is written that can be. */
  readonly stop: () => Promise<void>;
}

interface AuditOptions {
  readonly store: Pick<Store, "audit" | "sync">;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this program. */
  readonly version: string;
  /** Default {@link defaultMaxAuditEntries}. */
  readonly maxEntries?: number;
}

export async function createAudit(options: AuditOptions): Promise<Audit> {
  const { store, events, clock, log, version } = options;
  const trail = await createStoreTrail({
    store: store.audit,
    sync: store.sync,
    clock,
    log,
    onWritten: (newest) => pruning.noteWritten(newest),
  });
  const pruning = await createAuditPruning({
    store: store.audit,
    trail,
    maxEntries: options.maxEntries ?? defaultMaxAuditEntries,
    clock,
    log,
  });
  const repeats = createRepeatCounts({ trail, clock });
  noteNodeEvents({ events, repeats, trail });
  return {
    trail,
    pruning,
    recordCall: createRouteAudit({ trail, repeats }),
    joins: createJoinActs({ trail, repeats }),
    onlyAudited: (handlers) => onlyAudited(handlers, trail),
    // The trail has logged what it could not store.
    start: () => trail.record(ownAct("coordinator.start", null, { version })).catch(() => undefined),
    stop: async () => {
      repeats.flush();
      trail.note(ownAct("coordinator.stop", null, { version }));
      await pruning.stop();
      await trail.close();
    },
  };
}
