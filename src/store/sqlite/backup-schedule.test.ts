import { expect, test } from "bun:test";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { backupIntervalMs, backupRetryMs, createBackupSchedule, firstBackupMs } from "./backup-schedule.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function createFixture(newestAgeMs: number | null = null) {
  const clock = createManualClock();
  const saves: PromiseWithResolvers<string>[] = [];
  const warnings: string[] = [];
  const schedule = createBackupSchedule({
    save: () => {
      const save = Promise.withResolvers<string>();
      saves.push(save);
      return save.promise;
    },
    newestAtMs: newestAgeMs === null ? null : clock.nowMs() - newestAgeMs,
    clock,
    log: { info: () => {}, warn: (message) => warnings.push(message) },
  });
  /** Ends the newest save. */
  const end = async (error?: Error) => {
    if (error === undefined) saves.at(-1)?.resolve("backup");
    else saves.at(-1)?.reject(error);
    await settle();
  };
  return { clock, saves, warnings, schedule, end };
}

test("the first change after a start is backed up soon, further ones at most every six hours", async () => {
  const { clock, saves, schedule, end } = createFixture();
  clock.advance(3 * firstBackupMs);
  expect(clock.timerCount()).toBe(0);
  schedule.noteChange();
  schedule.noteChange();
  clock.advance(0);
  expect(saves).toHaveLength(1);
  await end();
  schedule.noteChange();
  clock.advance(backupIntervalMs - 1);
  expect(saves).toHaveLength(1);
  clock.advance(1);
  expect(saves).toHaveLength(2);
});

test("nothing is backed up while nothing changes", async () => {
  const { clock, saves, schedule, end } = createFixture();
  schedule.noteChange();
  clock.advance(firstBackupMs);
  await end();
  clock.advance(10 * backupIntervalMs);
  expect(saves).toHaveLength(1);
});

test("the first change waits for ten minutes", () => {
  const { clock, saves, schedule } = createFixture();
  schedule.noteChange();
  clock.advance(firstBackupMs - 1);
  expect(saves).toHaveLength(0);
  clock.advance(1);
  expect(saves).toHaveLength(1);
});

test("a start soon after a backup does not make another one", () => {
  const { clock, saves, schedule } = createFixture(backupIntervalMs / 2);
  schedule.noteChange();
  clock.advance(backupIntervalMs / 2 - 1);
  expect(saves).toHaveLength(0);
  clock.advance(1);
  expect(saves).toHaveLength(1);
});

test("a backup from the future, of a clock that was set back, delays the next one by one interval at most", () => {
  const { clock, saves, schedule } = createFixture(-100 * backupIntervalMs);
  schedule.noteChange();
  clock.advance(backupIntervalMs);
  expect(saves).toHaveLength(1);
});

test("what changes during a backup is in the next one", async () => {
  const { clock, saves, schedule, end } = createFixture();
  schedule.noteChange();
  clock.advance(firstBackupMs);
  schedule.noteChange();
  clock.advance(backupIntervalMs);
  expect(saves).toHaveLength(1);
  await end();
  clock.advance(backupIntervalMs);
  expect(saves).toHaveLength(2);
});

test("a backup that failed is told and tried again in an hour, also when nothing changes", async () => {
  const { clock, saves, warnings, schedule, end } = createFixture();
  schedule.noteChange();
  clock.advance(firstBackupMs);
  await end(new Error("no room"));
  expect(warnings).toHaveLength(1);
  clock.advance(backupRetryMs - 1);
  expect(saves).toHaveLength(1);
  clock.advance(1);
  expect(saves).toHaveLength(2);
});

test("closing waits for the backup on its way and makes no other", async () => {
  const { clock, saves, schedule, end } = createFixture();
  schedule.noteChange();
  clock.advance(firstBackupMs);
  schedule.noteChange();
  let isClosed = false;
  const closed = schedule.close().then(() => {
    isClosed = true;
  });
  await settle();
  expect(isClosed).toBe(false);
  await end();
  await closed;
  schedule.noteChange();
  clock.advance(10 * backupIntervalMs);
  expect(saves).toHaveLength(1);
  expect(clock.timerCount()).toBe(0);
});
