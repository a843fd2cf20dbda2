import { describe, expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { systemClock } from "../platform/clock.ts";
import { probeMachine } from "./machine-probe.ts";
import { matchVersion, readProgramVersion, shownVersionLimitMs } from "./program-version.ts";

async function writeProgram(folder: string, name: string, script: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("the facts of a machine", () => {
  test("tell npm and Node.js of PATH with their versions, and what is free", async () => {
    await using home = await createTempDir();
    const bin = join(home.path, "bin");
    const npm = await writeProgram(bin, "npm", "echo 11.4.2");
    const node = await writeProgram(bin, "node", "echo v22.3.1");
    const facts = await probeMachine({ env: { PATH: bin, HOME: home.path }, clock: systemClock });
    expect(facts.npm).toEqual({ path: npm, version: "11.4.2" });
    expect(facts.node).toEqual({ path: node, version: "22.3.1" });
    expect(facts.platform).toBe(process.platform);
    expect(facts.arch).toBe(process.arch);
    expect(facts.totalMemoryBytes).toBeLessThanOrEqual(totalmem());
    expect(facts.freeMemoryBytes).toBeGreaterThan(0);
    expect(facts.freeMemoryBytes).toBeLessThanOrEqual(facts.totalMemoryBytes);
    expect(facts.freeDiskBytes).toBeGreaterThan(0);
    if (process.platform === "linux") expect(facts.libc?.name).toBeOneOf(["glibc", "musl"]);
    else expect(facts.libc).toBeNull();
  });

  test("have neither npm nor Node.js where PATH is empty", async () => {
    await using home = await createTempDir();
    const facts = await probeMachine({ env: { PATH: "", HOME: home.path }, clock: systemClock });
    expect([facts.npm, facts.node]).toEqual([null, null]);
  });

  test("wait for an npm that is slow", async () => {
    await using home = await createTempDir();
    const bin = join(home.path, "bin");
    const npm = await writeProgram(bin, "npm", "/bin/sleep 3; echo 11.4.2");
    const facts = await probeMachine({ env: { PATH: bin, HOME: home.path }, clock: systemClock });
    expect(facts.npm).toEqual({ path: npm, version: "11.4.2" });
  });

  test("tell the disk of the folder above a place that is not there yet", async () => {
    await using home = await createTempDir();
    const env = { PATH: "", HOME: home.path };
    const there = await probeMachine({ env, clock: systemClock, installDir: home.path });
    const later = await probeMachine({ env, clock: systemClock, installDir: join(home.path, "a/b/c") });
    expect(later.freeDiskBytes).toBeGreaterThan(0);
    expect(Math.abs(later.freeDiskBytes - there.freeDiskBytes)).toBeLessThan(2 ** 30);
  });
});

describe("the version of a program", () => {
  const printed: readonly (readonly [string, string | null])[] = [
    ["v24.16.0\n", "24.16.0"],
    ["zeroclaw 0.8.4", "0.8.4"],
    ["OpenClaw 2026.9.6 (eb2c1f0)", "2026.9.6"],
    ["ollama version is 0.12.3-rc.1", "0.12.3-rc.1"],
    ["1.2", "1.2"],
    ["no version at all", null],
    ["", null],
  ];
  for (const [output, version] of printed) {
    test(`in ${JSON.stringify(output)} is ${version}`, () => expect(matchVersion(output)).toBe(version));
  }

  test("is not waited for longer than the limit, nor read without end", async () => {
    await using home = await createTempDir();
    const deps = { env: { PATH: process.env.PATH }, clock: systemClock, limitMs: shownVersionLimitMs };
    const sleeper = await writeProgram(home.path, "sleeper", "echo 1.2.3; exec sleep 30");
    const talker = await writeProgram(home.path, "talker", "echo 1.2.3; exec yes");
    const failing = await writeProgram(home.path, "failing", "echo 1.2.3; exit 3");
    const begun = performance.now();
    const versions = await Promise.all(
      [sleeper, talker, failing].map((path) => readProgramVersion([path], deps)),
    );
    expect(versions).toEqual([null, null, null]);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
