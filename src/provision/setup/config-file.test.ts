import { describe, expect, test } from "bun:test";
import { chown, lstat, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { keepBackup, readConfigFile, writeConfigFile } from "./config-file.ts";

const isRoot = process.getuid?.() === 0;

describe("a configuration of a runtime", () => {
  test("is written for its owner alone, and nothing is left beside it", async () => {
    await using folder = await createTempDir();
    const path = join(folder.path, "deeper", "config");
    expect(await readConfigFile(path)).toBeNull();
    await writeConfigFile(path, "one");
    await writeConfigFile(path, "two");
    expect(await readConfigFile(path)).toBe("two");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder.path, "deeper"))).toEqual(["config"]);
  });

  test("that is a pipe, a folder or huge is refused, and nobody waits", async () => {
    await using folder = await createTempDir();
    const pipe = join(folder.path, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
    await expect(readConfigFile(pipe)).rejects.toMatchObject({ code: "RUNTIME_START_FAILED" });
    await expect(readConfigFile(folder.path)).rejects.toThrow("it is no ordinary file");
    const huge = join(folder.path, "huge");
    await writeFile(huge, "x".repeat(1024 * 1024 + 1));
    await expect(readConfigFile(huge)).rejects.toThrow("it is longer than 1048576 bytes");
  });

  test("that is linked to a place that is not there yet stays linked", async () => {
    await using folder = await createTempDir();
    const path = join(folder.path, "config");
    await symlink("kept", path);
    await writeConfigFile(path, "text");
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await readFile(join(folder.path, "kept"), "utf8")).toBe("text");
  });

  test.skipIf(!isRoot)("of another user stays that user's when root writes it, with its copy", async () => {
    await using folder = await createTempDir();
    const path = join(folder.path, "config");
    await writeFile(path, "theirs", { mode: 0o644 });
    for (const one of [folder.path, path]) await chown(one, 1234, 1235);
    await keepBackup(`${path}.bak`, "theirs");
    await writeConfigFile(path, "next");
    await writeConfigFile(`${path}.new`, "next");
    for (const one of [path, `${path}.bak`, `${path}.new`]) {
      expect(await stat(one)).toMatchObject({ uid: 1234, gid: 1235 });
    }
  });
});
