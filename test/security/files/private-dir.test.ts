import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readFile,
  rename,
  stat,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLog } from "../../../src/platform/log.ts";
import { findOpenMode, preparePrivateDir, readPrivateText } from "../../../src/platform/private-files.ts";
import { openDatabase } from "../../../src/platform/sqlite.ts";
import { createTextFileWriter } from "../../../src/platform/text-file-writer.ts";
import { createTempDir } from "../../support/temp-dir.ts";

let root: Awaited<ReturnType<typeof createTempDir>>;
let dir: string;
let lines: string[];
beforeEach(async () => {
  root = await createTempDir();
  dir = join(root.path, "state");
  lines = [];
});
afterEach(() => root[Symbol.asyncDispose]());

const prepare = () =>
  preparePrivateDir(dir, {
    log: createLog({ write: (line) => lines.push(line), format: "text", level: "info" }),
  });
const modeOf = async (path: string) => (await lstat(path)).mode & 0o7777;
const unsafe = { code: "FILE_UNSAFE" };

/** What a state directory holds. */
const files = [
  "token",
  "direct.key",
  "lock",
  "lock.pid",
  "mesh.db",
  "mesh.db-wal",
  "mesh.db-shm",
  "mesh.db.backup-v3-20261122T100000000Z",
  "tls/ca-key.pem",
  "nodes/mesh_1/mac/node.json",
  "nodes/mesh_1/mac/journal.db",
  "nodes/mesh_1/mac/journal.db-wal",
] as const;

async function put(name: string, mode: number): Promise<string> {
  const path = join(dir, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "secret\n");
  await chmod(path, mode);
  return path;
}

describe("the state directory", () => {
  test("is made with all folders above it that were missing, open to its owner alone", async () => {
    dir = join(root.path, "a", "b");
    await prepare();
    expect([await modeOf(dir), await modeOf(dirname(dir))]).toEqual([0o700, 0o700]);
    expect(lines).toEqual([]);
  });

  test.each([0o755, 0o750, 0o711, 0o777, 0o770])(
    "with mode %o is closed, and the log tells it",
    async (mode) => {
      await mkdir(dir);
      await chmod(dir, mode);
      await prepare();
      expect(await modeOf(dir)).toBe(0o700);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(`path=${dir} from=${mode.toString(8)} to=700`);
      await prepare();
      expect(lines).toHaveLength(1);
    },
  );

  test("is refused when all users share it, and keeps its mode", async () => {
    await mkdir(dir);
    await chmod(dir, 0o1777);
    await expect(prepare()).rejects.toMatchObject(unsafe);
    expect(await modeOf(dir)).toBe(0o1777);
  });

  test("may be reached by a link of its owner's", async () => {
    const real = join(root.path, "elsewhere");
    await mkdir(real, { mode: 0o755 });
    await symlink(real, dir);
    await prepare();
    expect(await modeOf(real)).toBe(0o700);
  });

  test.each([
    ["others", 0o757],
    ["everybody", 0o777],
  ])("is refused below a folder that %s may write to (mode %o)", async (_who, mode) => {
    const open = join(root.path, "open");
    await mkdir(open);
    await chmod(open, mode);
    dir = join(open, "state");
    await expect(prepare()).rejects.toMatchObject({
      ...unsafe,
      message: expect.stringContaining(`${open} may be changed by other users`),
    });
    await chmod(open, mode | 0o1000);
    await prepare();
  });

  test("is refused when it belongs to another user", async () => {
    // root's own folder is another user's for everybody else.
    const foreign = process.getuid?.() === 0 ? dir : "/usr/share";
    if (foreign === dir) {
      await mkdir(dir);
      await chown(dir, 12_345, 12_345);
    } else dir = foreign;
    await expect(prepare()).rejects.toMatchObject({
      ...unsafe,
      message: expect.stringContaining("belongs to another user"),
    });
  });
});

describe("the folder of the runtimes", () => {
  test("is closed, and what programs have in it is theirs: links, and modes that let them be started", async () => {
    const program = await put("runtimes/nodejs/bin/node", 0o755);
    await symlink("node", join(dirname(program), "nodejs"));
    await chmod(join(dir, "runtimes"), 0o755);
    await prepare();
    expect(await modeOf(join(dir, "runtimes"))).toBe(0o700);
    expect(await modeOf(program)).toBe(0o755);
  });

  test("is no link itself", async () => {
    await mkdir(join(root.path, "elsewhere"));
    await mkdir(dir);
    await symlink(join(root.path, "elsewhere"), join(dir, "runtimes"));
    await expect(prepare()).rejects.toMatchObject(unsafe);
  });
});

describe("a file of the state directory", () => {
  test.each(files)("%s is closed to others, and the log tells it", async (name) => {
    const path = await put(name, 0o644);
    await prepare();
    expect(await modeOf(path)).toBe(0o600);
    expect(lines.join("")).toContain(`path=${path} from=644 to=600`);
    for (let folder = dirname(path); folder !== root.path; folder = dirname(folder)) {
      expect(await modeOf(folder)).toBe(0o700);
    }
  });

  test.each(files)("%s as a symbolic link is refused, and what it points to is left alone", async (name) => {
    const path = await put(name, 0o600);
    const target = join(root.path, "target");
    await writeFile(target, "mine");
    await chmod(target, 0o644);
    await unlink(path);
    await symlink(target, path);
    await expect(prepare()).rejects.toMatchObject({ ...unsafe, message: expect.stringContaining(path) });
    expect(await modeOf(target)).toBe(0o644);
  });

  test("that is a pipe is refused", async () => {
    await mkdir(dir);
    expect(await Bun.spawn(["mkfifo", join(dir, "token")]).exited).toBe(0);
    await expect(prepare()).rejects.toMatchObject(unsafe);
    await expect(readPrivateText(join(dir, "token"))).rejects.toMatchObject(unsafe);
  });

  test("that a person put there is left alone", async () => {
    const path = await put("notes.txt", 0o644);
    await prepare();
    expect(await modeOf(path)).toBe(0o644);
  });

  test("that is fine costs no log line", async () => {
    await mkdir(dir, { mode: 0o700 });
    await put("token", 0o600);
    await prepare();
    expect(lines).toEqual([]);
  });
});

describe("reading a secret", () => {
  test("reads a file, and nothing where there is none", async () => {
    expect(await readPrivateText(join(dir, "token"))).toBeNull();
    expect(await readPrivateText(await put("token", 0o600))).toBe("secret\n");
  });

  test.each(["/dev/zero", "/etc/passwd", "nowhere"])("does not follow a link to %s", async (target) => {
    await mkdir(dir);
    await symlink(target, join(dir, "token"));
    await expect(readPrivateText(join(dir, "token"))).rejects.toMatchObject({
      ...unsafe,
      message: expect.stringContaining(target),
    });
  });

  test("does not read a folder, nor a file that is far too large", async () => {
    await mkdir(join(dir, "token"), { recursive: true });
    await expect(readPrivateText(join(dir, "token"))).rejects.toMatchObject(unsafe);
    const path = await put("large", 0o600);
    await writeFile(path, "x".repeat(2 * 1024 * 1024));
    await expect(readPrivateText(path)).rejects.toMatchObject(unsafe);
  });
});

describe("a database", () => {
  test("is not made through a link, and what the link points to stays as it is", async () => {
    await mkdir(dir, { mode: 0o700 });
    const target = join(root.path, "target");
    await symlink(target, join(dir, "mesh.db"));
    expect(() => openDatabase({ file: join(dir, "mesh.db"), migrations: [], clock: systemClock })).toThrow(
      expect.objectContaining({ code: "DATA_DIR_UNUSABLE" }),
    );
    await expect(stat(target)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("and its log files are their owner's alone", async () => {
    const file = join(dir, "mesh.db");
    const database = openDatabase({ file, migrations: ["create table a (b)"], clock: systemClock });
    database.run("insert into a values (1)");
    for (const suffix of ["", "-wal", "-shm"]) expect(await modeOf(file + suffix)).toBe(0o600);
    database.close();
  });
});

describe("an export", () => {
  const write = async (path: string) => {
    const file = await createTextFileWriter(path);
    await file.write("content");
    await file.commit();
  };

  test("is its owner's alone, whatever the file before it was", async () => {
    const path = await put("export.jsonl", 0o644);
    await write(path);
    expect(await modeOf(path)).toBe(0o600);
    expect(await readFile(path, "utf8")).toBe("content");
  });

  test("replaces a link and does not write through it", async () => {
    const target = await put("target", 0o600);
    const path = join(dir, "export.jsonl");
    await symlink(target, path);
    await write(path);
    expect(await readFile(target, "utf8")).toBe("secret\n");
    expect((await lstat(path)).isSymbolicLink()).toBe(false);
  });

  test("does not go to a device by way of a link", async () => {
    await mkdir(dir);
    const path = join(dir, "export.jsonl");
    await symlink("/dev/null", path);
    await expect(write(path)).rejects.toMatchObject(unsafe);
  });
});

describe("the mode of a configuration", () => {
  test.each([
    [0o600, null],
    [0o644, "644"],
    [0o640, "640"],
  ])("%o is told as %p", async (mode, told) => {
    const path = await put("claw-mesh.yaml", mode);
    expect(await findOpenMode(path)).toBe(told);
    await rename(path, join(dir, "real.yaml"));
    await symlink(join(dir, "real.yaml"), path);
    expect(await findOpenMode(path)).toBe(told);
  });
});
