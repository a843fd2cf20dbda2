import { describe, expect, test } from "bun:test";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../../platform/clock.ts";
import { readProcessStart } from "../../platform/process-identity.ts";
import { runProgram } from "./run-program.ts";

const run = async (folder: string, script: string, more: { input?: string; limitMs?: number } = {}) => {
  const path = join(folder, "program");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  const program = { kind: "openclaw", version: null, command: [path], env: {} } as const;
  const env = { PATH: "/usr/bin:/bin" };
  return await runProgram({ program, args: [], env, cwd: folder, clock: systemClock, ...more });
};

describe("a program of a runtime", () => {
  test("is run to its end, with its input, outputs and code", async () => {
    await using folder = await createTempDir();
    const outcome = await run(folder.path, "cat; echo no >&2; exit 3", { input: "yes" });
    expect(outcome).toEqual({ code: 3, stdout: "yes", stderr: "no\n" });
  });

  test("is not waited for through what it has left running", async () => {
    await using folder = await createTempDir();
    const startedAtMs = performance.now();
    const outcome = await run(folder.path, "sleep 30 & echo $!");
    process.kill(Number(outcome.stdout), "SIGKILL");
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(outcome.code).toBe(0);
  });

  test("is killed with what it has started when it takes too long", async () => {
    await using folder = await createTempDir();
    const outcome = await run(folder.path, "sleep 1000 & echo $!; wait", { limitMs: 300 });
    expect(outcome.code).toBeNull();
    while (readProcessStart(Number(outcome.stdout)) !== null) await Bun.sleep(10);
  });

  test("may write more than is kept", async () => {
    await using folder = await createTempDir();
    const outcome = await run(folder.path, "head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2");
    expect(outcome).toMatchObject({ code: 0, stderr: "end\n" });
    expect(outcome.stdout.length).toBe(256 * 1024);
  });

  test("that is not there fails", async () => {
    const program = { kind: "openclaw", version: null, command: ["/nowhere/claw"], env: {} } as const;
    const outcome = await runProgram({ program, args: [], env: {}, cwd: "/", clock: systemClock });
    expect(outcome.code).toBeNull();
  });
});
