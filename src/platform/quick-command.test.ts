import { describe, expect, test } from "bun:test";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { systemClock } from "./clock.ts";
import { isProcessRunning, readProcessStart } from "./process-identity.ts";
import { readCommandOutput } from "./quick-command.ts";

async function writeProgram(folder: string, script: string): Promise<string> {
  const path = join(folder, "program");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Writes the number of what it started, and waits for it. */
const parent = (pidFile: string, then: string) => `/bin/sleep 60 & echo $! > '${pidFile}'; ${then}`;

describe("a program that is asked something", () => {
  test("gets every variable but those of this program", async () => {
    await using folder = await createTempDir();
    const program = await writeProgram(folder.path, "exec /usr/bin/env");
    const env = { KEPT: "kept", CLAW_MESH_TOKEN: "secret-1", claw_mesh_api_key: "secret-2" };
    const output = await readCommandOutput([program], { limitMs: 5_000, env, clock: systemClock });
    expect(output).toContain("KEPT=kept");
    expect(output).not.toContain("secret");
  });

  test.each([
    ["takes too long", "wait", 300],
    ["never stops talking", "exec /usr/bin/yes", 5_000],
  ])("and %s leaves nothing that it started", async (_, then, limitMs) => {
    await using folder = await createTempDir();
    const pidFile = join(folder.path, "pid");
    const program = await writeProgram(folder.path, parent(pidFile, then));
    expect(await readCommandOutput([program], { limitMs, env: {}, clock: systemClock })).toBeNull();
    const pid = Number(await readFile(pidFile, "utf8"));
    expect(pid).toBeGreaterThan(1);
    const endsAtMs = performance.now() + 5_000;
    // The end of a process that was killed shows a moment later.
    while (isThere(pid) && performance.now() < endsAtMs) await Bun.sleep(10);
    expect(isThere(pid)).toBeFalse();
  });

  test("and fails says nothing", async () => {
    await using folder = await createTempDir();
    const program = await writeProgram(folder.path, "echo 1.2.3; exit 3");
    const options = { limitMs: 5_000, env: {}, clock: systemClock };
    expect(await readCommandOutput([program], options)).toBeNull();
    expect(await readCommandOutput([join(folder.path, "none")], options)).toBeNull();
  });
});

function isThere(pid: number): boolean {
  const startedAt = readProcessStart(pid);
  return startedAt !== null && isProcessRunning({ pid, startedAt });
}
