import type { Clock } from "../../platform/clock.ts";
import type { Deadlines } from "../../platform/deadlines.ts";
import { createSecret, type Ids } from "../../platform/ids.ts";
import type { Log } from "../../platform/log.ts";
import type { TaskStore } from "../../store/tasks.ts";
import type { MeshEventEmitter } from "../events/mesh-events.ts";
import { createEventStreams, type StreamLimits } from "../http/event-stream.ts";
import type { NodeRegistry } from "../nodes/registry.ts";
import type { Groups } from "../routing/groups.ts";
import { createBulkRoutes } from "./bulk-routes.ts";
import { createBulkTasks } from "./bulk-tasks.ts";
import { createMessageRoutes } from "./message-routes.ts";
import { createSingleTaskRoutes } from "./single-task-routes.ts";
import { createStreamPositions } from "./stream-position.ts";
import { createTaskAccess } from "./task-access.ts";
import { createTaskActions } from "./task-actions.ts";
import type { TaskEngine } from "./task-engine.ts";
import { createTaskFilters } from "./task-filter.ts";
import { createTaskListRoutes } from "./task-list-routes.ts";
import { createTaskPages } from "./task-pages.ts";
import { createTaskStreams } from "./task-streams.ts";

interface TaskRouteOptions {
  readonly engine: TaskEngine;
  readonly store: TaskStore;
  readonly registry: NodeRegistry;
  readonly groups: Groups;
  /** Id of the token that has, or had, this name; null: none that is known. */
  readonly subjectNamed: (name: string) => string | null;
  readonly events: MeshEventEmitter;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly streamLimits: StreamLimits;
  readonly ids: Ids;
  readonly log: Log;
}

/** Everything the HTTP API says about messages and tasks, put together. */
export function createTaskRoutes(options: TaskRouteOptions) {
  const { engine, store, registry, groups, events, clock, deadlines, ids, log } = options;
  const access = createTaskAccess({
    engine,
    store,
    groupsOf: (nodeId) => {
      const node = registry.findKnown(nodeId);
      return node === null ? [] : groups.of(node);
    },
  });
  const pages = createTaskPages(store);
  const actions = createTaskActions({ engine, store, access, events, clock, deadlines, ids });
  const filters = createTaskFilters({ registry, groups, subjectNamed: options.subjectNamed });
  const bulk = createBulkTasks({ pages, access, filters, log });
  const streams = createTaskStreams({
    engine,
    streams: createEventStreams(deadlines, options.streamLimits),
    positions: createStreamPositions(createSecret().slice(0, 6)),
    log,
  });
  return {
    ...createMessageRoutes({ engine, streams, clock, ids }),
    ...createSingleTaskRoutes({ engine, store, access, actions, streams, clock, ids }),
    ...createTaskListRoutes({ engine, pages, filters, clock }),
    ...createBulkRoutes({ actions, bulk }),
  };
}
