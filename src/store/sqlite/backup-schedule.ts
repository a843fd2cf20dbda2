import type { CancelTimer, Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";

/** From one backup to the next, when something changed meanwhile. */
export const backupIntervalMs = 6 * 3600 * 1000;

/** From the first change after a start to its backup, unless there is a younger one than {@link backupIntervalMs}. */
export const firstBackupMs = 10 * 60 * 1000;

/** After a backup that failed. */
export const backupRetryMs = 3600 * 1000;

export interface BackupScheduleOptions {
  readonly save: () => Promise<string>;
  /** Epoch; when the newest backup was made. */
  readonly newestAtMs: number | null;
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warn">;
}

/** Backs up what changed, seldom and by itself. */
export interface BackupSchedule {
  /** Something was committed. */
  readonly noteChange: () => void;
  /** No further backups; resolves when the one on its way has ended. */
  readonly close: () => Promise<void>;
}

export function createBackupSchedule({
  save,
  newestAtMs,
  clock,
  log,
}: BackupScheduleOptions): BackupSchedule {
  const ageMs = newestAtMs === null ? backupIntervalMs : Math.max(0, clock.nowMs() - newestAtMs);
  let earliestMs = clock.monotonicMs() + Math.max(firstBackupMs, backupIntervalMs - ageMs);
  let cancelTimer: CancelTimer | null = null;
  let running: Promise<void> | null = null;
  let hasChangedMeanwhile = false;
  let isClosed = false;

  async function run(): Promise<void> {
    const startedAtMs = clock.monotonicMs();
    try {
      const backup = await save();
      earliestMs = startedAtMs + backupIntervalMs;
      const durationMs = Math.round(clock.monotonicMs() - startedAtMs);
      log.info("the database was backed up", { backup, durationMs });
    } catch (error) {
      earliestMs = startedAtMs + backupRetryMs;
      if (isClosed) return;
      log.warn("the database could not be backed up; trying again in an hour", { error });
      hasChangedMeanwhile = true;
    }
  }

  function start(): void {
    cancelTimer = null;
    running = run().finally(() => {
      running = null;
      if (hasChangedMeanwhile) plan();
    });
  }

  function plan(): void {
    if (isClosed || cancelTimer !== null) return;
    hasChangedMeanwhile = running !== null;
    if (hasChangedMeanwhile) return;
    cancelTimer = clock.after(Math.max(0, earliestMs - clock.monotonicMs()), start, { unref: true });
  }

  return {
    noteChange: plan,
    close: async () => {
      isClosed = true;
      cancelTimer?.();
      await running;
    },
  };
}
