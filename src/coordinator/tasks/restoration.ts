import { nextTaskState } from "../../domain/tasks/task-machine.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { BackupMark } from "../../store/backup-mark.ts";
import type { TaskStore } from "../../store/tasks.ts";

interface RestorationOptions {
  readonly store: Pick<TaskStore, "listUnfinished" | "change">;
  readonly mark: BackupMark;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Call it before unfinished tasks are taken up. In a database that was restored from a backup they may have run since:
 * those that must not run twice end `outcome_unknown`, as dead letters, so that somebody looks. Without effect on a database
 * that was not. When it is interrupted, the next start goes on with it.
 */
export async function endDoubtfulTasks({ store, mark, clock, log }: RestorationOptions): Promise<void> {
  const backupMadeAt = await mark.load();
  if (backupMadeAt === null) return;
  let ended = 0;
  const tasks = await store.listUnfinished();
  for (const task of tasks) {
    const event = { kind: "restored", backupMadeAt } as const;
    const { change } = nextTaskState(task, event, { nowMs: clock.nowMs(), random: 0 });
    if (change === null) continue;
    await store.change(task.message.id, { attempt: task.attempts.at(-1)?.number ?? 0 }, change, "process");
    ended += 1;
  }
  await mark.clear();
  log.warn("the database was restored from a backup: tasks that may have run since ended as dead letters", {
    backupMadeAt,
    ended,
    goOn: tasks.length - ended,
  });
}
