import { type Clock, systemClock } from "../../platform/clock.ts";
import { createDeadlines, type Deadlines } from "../../platform/deadlines.ts";
import { createEventEmitter } from "../../platform/event-emitter.ts";
import { type Ids, systemIds } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import { type Random, systemRandom } from "../../platform/random.ts";
import type { Store } from "../../store/store.ts";
import type { MeshEventEmitter, MeshEvents } from "../events/mesh-events.ts";

/** What all parts of a coordinator are made with. */
export interface Surroundings {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly random: Random;
  readonly deadlines: Deadlines;
  readonly events: MeshEventEmitter;
  readonly log: Log;
}

export function createSurroundings(store: Store, log: Log): Surroundings {
  const onFault = (error: unknown) => log.error("a fault was kept to itself", { error });
  return {
    store,
    clock: systemClock,
    ids: systemIds,
    random: systemRandom,
    deadlines: createDeadlines(systemClock, onFault),
    events: createEventEmitter<MeshEvents>(onFault),
    log,
  };
}
