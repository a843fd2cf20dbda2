import type { Clock } from "../../platform/clock.ts";
import { nextLoopTurn } from "../../platform/loop-turn.ts";
import type { Database } from "../../platform/sqlite.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskStore } from "../tasks.ts";
import type { Committer } from "./committer.ts";
import { prepareAcceptTask } from "./statements/accept-task.ts";
import { prepareChangeTask } from "./statements/change-task.ts";
import { prepareCountTasks } from "./statements/count-tasks.ts";
import { prepareDeleteFinishedTasks } from "./statements/delete-finished-tasks.ts";
import { prepareDiscardTask } from "./statements/discard-task.ts";
import { prepareFindTask } from "./statements/find-task.ts";
import { prepareListTasks } from "./statements/list-tasks.ts";
import { prepareListUnfinishedTasks } from "./statements/list-unfinished-tasks.ts";
import { prepareRetryTask } from "./statements/retry-task.ts";
import { prepareUndoAccept } from "./statements/undo-accept.ts";

export function createTaskStore(database: Database, committer: Committer, clock: Clock): TaskStore {
  const acceptTask = prepareAcceptTask(database);
  const undoAccept = prepareUndoAccept(database);
  const changeTask = prepareChangeTask(database);
  const findTask = prepareFindTask(database);
  const listTasks = prepareListTasks(database);
  const listUnfinishedTasks = prepareListUnfinishedTasks(database);
  const retryTask = prepareRetryTask(database);
  const discardTask = prepareDiscardTask(database);
  const countTasks = prepareCountTasks(database);
  const deleteFinishedTasks = prepareDeleteFinishedTasks(database, clock);

  return {
    accept: (task, durability) =>
      committer.write(
        durability,
        () => {
          const { subject, idempotencyKey } = task.message;
          return acceptTask(task) ? null : findTask.byKey(subject, idempotencyKey ?? "");
        },
        (existing) => {
          if (existing === null) undoAccept.remove(task);
        },
      ),

    acceptRetry: (task) =>
      committer.write(
        "full",
        () => {
          const { id, retryOf } = task.message;
          const refusal = retryOf === null ? "not_found" : retryTask.findRefusal(retryOf);
          if (retryOf === null || refusal !== null) return refusal;
          if (!acceptTask(task)) throw keyIsTaken();
          retryTask.markRetried(retryOf, id);
          return null;
        },
        (refusal) => {
          if (refusal === null) undoAccept.removeRetry(task);
        },
      ),

    change: (id, fence, change, durability) =>
      committer.write(durability, () => changeTask.change(id, fence, change)),

    // The node's copy is only given up after a `sync`, which covers this commit.
    recordLate: (id, attempt) => committer.write("process", () => changeTask.putAttempt(id, attempt)),

    discard: (id, nowMs) => committer.write("full", () => discardTask(id, nowMs)),

    get: (id) => committer.read(() => findTask.byId(id)),
    findByKey: (subject, idempotencyKey) => committer.read(() => findTask.byKey(subject, idempotencyKey)),
    list: (query, page) => committer.read(() => listTasks(query, page)),
    listUnfinished: () => committer.read(listUnfinishedTasks),

    count: async () => {
      let step = await committer.read(() => countTasks(null));
      let total = step.count;
      while (step.next !== null) {
        const { next } = step;
        await nextLoopTurn();
        step = await committer.read(() => countTasks(next));
        total += step.count;
      }
      return total;
    },

    // Losing this to a power cut means deleting it again.
    deleteFinished: (step) => committer.write("process", () => deleteFinishedTasks(step)),
  };
}

function keyIsTaken(): MeshError {
  return new MeshError("IDEMPOTENCY_CONFLICT", "another task has the Idempotency-Key of this retry");
}
