import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "./clock.ts";
import { findOnPath } from "./path-lookup.ts";

let root = "";

async function addProgram(folder: string, name: string, mode = 0o755): Promise<string> {
  const path = join(root, folder, name);
  await Bun.write(path, "#!/bin/sh\nexit 1\n");
  await chmod(path, mode);
  return path;
}

const find = (names: readonly string[], folders: readonly string[], platform: NodeJS.Platform = "linux") =>
  findOnPath(names, {
    env: { PATH: folders.map((folder) => join(root, folder)).join(delimiter) },
    clock: systemClock,
    platform,
  });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "path-lookup-"));
  await addProgram("first", "docker");
  await addProgram("second", "docker");
  await addProgram("second", "go");
  await addProgram("second", "notes", 0o644);
  await addProgram("windows", "Docker.EXE");
  await mkdir(join(root, "second", "cargo"));
  await symlink(join(root, "nowhere"), join(root, "second", "gone"));
  await symlink(join(root, "second", "go"), join(root, "first", "golang"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe("looking programs up on PATH", () => {
  test("finds each program in the first folder that has it", async () => {
    const found = await find(["docker", "go", "rustc"], ["first", "second"]);
    expect([...found].sort()).toEqual([
      ["docker", join(root, "first", "docker")],
      ["go", join(root, "second", "go")],
    ]);
  });

  test("takes neither folders, nor files that cannot be run, nor dangling links", async () => {
    expect(await find(["cargo", "notes", "gone"], ["second"])).toEqual(new Map());
  });

  test("follows links", async () => {
    expect([...(await find(["golang"], ["first"])).keys()]).toEqual(["golang"]);
  });

  test("skips folders that are not there", async () => {
    expect([...(await find(["docker"], ["missing", "first"])).keys()]).toEqual(["docker"]);
  });

  test("looks into no folder that depends on where one stands", async () => {
    const before = process.cwd();
    process.chdir(join(root, "first"));
    try {
      const env = { PATH: [".", "", "../second"].join(delimiter) };
      expect(await findOnPath(["docker", "go"], { env, clock: systemClock })).toEqual(new Map());
    } finally {
      process.chdir(before);
    }
  });

  test("finds nothing without PATH", async () => {
    expect(await findOnPath(["docker"], { env: {}, clock: systemClock })).toEqual(new Map());
  });

  test("looks for the extensions of programs on Windows, whatever their case", async () => {
    expect([...(await find(["docker"], ["windows"], "win32")).keys()]).toEqual(["docker"]);
    expect(await find(["docker"], ["windows"], "linux")).toEqual(new Map());
  });
});
