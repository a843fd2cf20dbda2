import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquireLock, type ProcessLock } from "./process-lock.ts";

const directories: string[] = [];

function createLockPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "process-lock-"));
  directories.push(directory);
  return join(directory, "lock");
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function acquire(file: string): ProcessLock {
  const result = acquireLock(file);
  if ("heldBy" in result) throw new Error(`held by ${result.heldBy.pid}`);
  return result;
}

/** Another process that takes the lock and keeps it until it is killed. */
async function startHolder(file: string) {
  const script = `
    const { acquireLock } = await import(${JSON.stringify(join(import.meta.dir, "process-lock.ts"))});
    const lock = acquireLock(${JSON.stringify(file)});
    console.log(JSON.stringify("heldBy" in lock ? lock : { held: true }));
    setInterval(() => lock, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  return { child, answer: JSON.parse(new TextDecoder().decode(value)) as unknown };
}

describe("acquireLock", () => {
  test("lets one holder in and tells the other its pid", () => {
    const file = createLockPath();
    const lock = acquire(file);
    expect(acquireLock(file)).toEqual({ heldBy: { pid: process.pid } });
    lock.release();
  });

  test("lets the next one in after a release, however often the lock was refused", () => {
    const file = createLockPath();
    const first = acquire(file);
    acquireLock(file);
    acquireLock(file);
    first.release();
    const second = acquire(file);
    first.release();
    expect(acquireLock(file)).toEqual({ heldBy: { pid: process.pid } });
    second.release();
  });

  test("makes the directory it is in, for this user only", () => {
    const file = join(createLockPath(), "deeper", "lock");
    const lock = acquire(file);
    if (process.platform !== "win32") {
      expect(statSync(join(file, "..")).mode & 0o777).toBe(0o700);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(statSync(`${file}.pid`).mode & 0o777).toBe(0o600);
    }
    lock.release();
  });

  test("is held against other processes", async () => {
    const file = createLockPath();
    const lock = acquire(file);
    const { child, answer } = await startHolder(file);
    expect(answer).toEqual({ heldBy: { pid: process.pid } });
    child.kill("SIGKILL");
    await child.exited;
    lock.release();
  });

  test("is free as soon as its holder was killed", async () => {
    const file = createLockPath();
    const { child, answer } = await startHolder(file);
    expect(answer).toEqual({ held: true });
    expect(acquireLock(file)).toEqual({ heldBy: { pid: child.pid } });
    child.kill("SIGKILL");
    await child.exited;
    acquire(file).release();
  });

  test("says that the directory cannot be used when it is a file", () => {
    const file = createLockPath();
    writeFileSync(file, "");
    expect(() => acquireLock(join(file, "lock"))).toThrow(
      expect.objectContaining({ code: "DATA_DIR_UNUSABLE" }),
    );
  });
});
