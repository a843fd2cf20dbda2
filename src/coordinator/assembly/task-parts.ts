import type { TaskId } from "../../protocol/ids.ts";
import { createAckQueue } from "../dispatch/ack-queue.ts";
import { type AttemptReports, createAttemptReports } from "../dispatch/attempt-reports.ts";
import { createAttemptSender } from "../dispatch/attempt-sender.ts";
import { startBreakers } from "../health/breakers.ts";
import { endDoubtfulTasks } from "../tasks/restoration.ts";
import { createTaskEngine, type TaskEngine } from "../tasks/task-engine.ts";
import type { MeshParts } from "./mesh-parts.ts";
import type { Surroundings } from "./surroundings.ts";

/** What becomes of messages. */
export interface TaskParts {
  readonly engine: TaskEngine;
  readonly reports: AttemptReports;
}

/** With the tasks that a former process left unfinished taken up again. */
export async function createTaskParts(
  { registry, router }: MeshParts,
  { store, clock, random, deadlines, events, log }: Surroundings,
): Promise<TaskParts> {
  const engine = createTaskEngine({
    store: store.tasks,
    registry,
    router,
    sender: createAttemptSender(clock),
    events,
    clock,
    deadlines,
    random,
    log,
  });
  const hasSucceeded = (id: TaskId) => engine.find(id)?.task.state === "succeeded";
  startBreakers({ registry, events, clock, deadlines, random, hasSucceeded });
  await endDoubtfulTasks({ store: store.tasks, mark: store.backupMark, clock, log });
  await engine.recover();

  const acks = createAckQueue(store.sync, deadlines, log);
  const reports = createAttemptReports({ engine, store: store.tasks, registry, acks, events, log });
  return { engine, reports };
}
