import { describe, expect, test } from "bun:test";
import { appendFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { followLog } from "./follow-log.ts";
import { keptLogs, readLogTail, rotateLog } from "./gateway-log.ts";

const read = (path: string) => Bun.file(path).text();

describe("the log of a gateway", () => {
  test("is put aside when it is big, as much of its end as fits, and the oldest goes", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    for (let round = 1; round <= keptLogs + 2; round++) {
      await appendFile(path, `round ${round}\n`, { mode: 0o600 });
      await rotateLog(path, 5);
    }
    const files = (await readdir(directory.path)).sort();
    expect(files).toEqual(["gateway.log", "gateway.log.1", "gateway.log.2", "gateway.log.3"]);
    expect(await read(`${path}.1`)).toBe("nd 5\n");
    expect(await read(`${path}.3`)).toBe("nd 3\n");
    expect((await stat(path)).size).toBe(0);
    expect((await stat(`${path}.1`)).mode & 0o777).toBe(0o600);
  });

  test("stays as it is while it is small, and need not be there", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    await rotateLog(path, 5);
    await writeFile(path, "12345");
    await rotateLog(path, 5);
    expect(await readdir(directory.path)).toEqual(["gateway.log"]);
    expect(await read(path)).toBe("12345");
  });

  test("is emptied while a program writes to it, which goes on at its new end", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    const log = (await import("node:fs")).openSync(path, "a", 0o600);
    const child = Bun.spawn(["sh", "-c", "echo before; read -r _; echo after"], {
      stdin: "pipe",
      stdout: log,
    });
    while ((await read(path)) !== "before\n") await Bun.sleep(5);
    await rotateLog(path, 6);
    child.stdin.write("\n");
    await child.stdin.end();
    await child.exited;
    (await import("node:fs")).closeSync(log);
    expect(await read(path)).toBe("after\n");
    expect(await read(`${path}.1`)).toBe("efore\n");
  });

  test("gets small even when no copy can be kept", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    await writeFile(path, "too long");
    // A folder that is not empty cannot be removed as a file, nor written over.
    for (const age of [1, 2, 3]) await Bun.write(join(`${path}.${age}`, "mine"), "");
    await rotateLog(path, 3);
    expect(await read(path)).toBe("");
  });

  test("is shown from its end, without what looks like a secret", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    expect(await readLogTail(path, 2)).toEqual([]);
    await writeFile(path, "one\ntwo\nkey sk-abcdefghij0123\n");
    expect(await readLogTail(path, 2)).toEqual(["two", "key ***"]);
  });

  test("is followed line by line, also after it was emptied, and when it comes late", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    const follower = await followLog(path, 10);
    expect(await follower.next()).toEqual([]);
    await appendFile(path, "one\ntw");
    expect(await follower.next()).toEqual(["one"]);
    await appendFile(path, "o sk-abcdefghij0123\n");
    expect(await follower.next()).toEqual(["two ***"]);
    await rm(path);
    await appendFile(path, "new\n");
    expect(await follower.next()).toEqual(["new"]);
    expect(await follower.next()).toEqual([]);
  });

  test("begins to be followed with its last lines", async () => {
    await using directory = await createTempDir();
    const path = join(directory.path, "gateway.log");
    await writeFile(path, "one\ntwo\nthree\n");
    const follower = await followLog(path, 2);
    expect(await follower.next()).toEqual(["two", "three"]);
    expect(await follower.next()).toEqual([]);
  });
});
