import type { Database } from "../../platform/sqlite.ts";
import type { TaskStore } from "../tasks.ts";
import type { Committer } from "./committer.ts";
import { prepareAcceptTask } from "./statements/accept-task.ts";
import { prepareChangeTask } from "./statements/change-task.ts";
import { prepareFindTask } from "./statements/find-task.ts";
import { prepareListUnfinishedTasks } from "./statements/list-unfinished-tasks.ts";

export function createTaskStore(database: Database, committer: Committer): TaskStore {
  const acceptTask = prepareAcceptTask(database);
  const changeTask = prepareChangeTask(database);
  const findTask = prepareFindTask(database);
  const listUnfinishedTasks = prepareListUnfinishedTasks(database);

  return {
    accept: (task, durability) =>
      committer.write(durability, () => {
        const { subject, idempotencyKey } = task.message;
        return acceptTask(task) ? null : findTask.byKey(subject, idempotencyKey ?? "");
      }),

    change: (id, fence, change, durability) =>
      committer.write(durability, () => changeTask.change(id, fence, change)),

    // The node's copy is only given up after a `sync`, which covers this commit.
    recordLate: (id, attempt) => committer.write("process", () => changeTask.putAttempt(id, attempt)),

    get: (id) => committer.read(() => findTask.byId(id)),
    findByKey: (subject, idempotencyKey) => committer.read(() => findTask.byKey(subject, idempotencyKey)),
    listUnfinished: () => committer.read(listUnfinishedTasks),
  };
}
