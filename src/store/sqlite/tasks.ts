import type { Database } from "../../platform/sqlite.ts";
import type { TaskStore } from "../tasks.ts";
import type { Committer } from "./committer.ts";
import { prepareAcceptTask } from "./statements/accept-task.ts";
import { prepareChangeTask } from "./statements/change-task.ts";
import { prepareFindTask } from "./statements/find-task.ts";
import { prepareListUnfinishedTasks } from "./statements/list-unfinished-tasks.ts";
import { preparePutAttempt } from "./statements/put-attempt.ts";

export function createTaskStore(database: Database, committer: Committer): TaskStore {
  const acceptTask = prepareAcceptTask(database);
  const changeTask = prepareChangeTask(database);
  const putAttempt = preparePutAttempt(database);
  const findTask = prepareFindTask(database);
  const listUnfinishedTasks = prepareListUnfinishedTasks(database);

  return {
    accept: (task, durability) =>
      committer.write(durability, () => {
        const { id, subject, idempotencyKey } = task.message;
        if (!acceptTask(task)) return findTask.byKey(subject, idempotencyKey ?? "");
        for (const attempt of task.attempts) putAttempt(id, attempt);
        return null;
      }),

    change: (id, fence, change, durability) =>
      committer.write(durability, () => {
        if (!changeTask(id, fence, change)) return false;
        if (change.attempts !== undefined) for (const attempt of change.attempts) putAttempt(id, attempt);
        return true;
      }),

    // The node's copy is only given up after a `sync`, which covers this commit.
    recordLate: (id, attempt) =>
      committer.write("process", () => {
        if (findTask.exists(id)) putAttempt(id, attempt);
      }),

    get: (id) => committer.read(() => findTask.byId(id)),
    findByKey: (subject, idempotencyKey) => committer.read(() => findTask.byKey(subject, idempotencyKey)),
    listUnfinished: () => committer.read(listUnfinishedTasks),
  };
}
