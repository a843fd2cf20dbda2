import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, chown, mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir, type TempDir } from "../../test/support/temp-dir.ts";
import { createLog } from "./log.ts";
import {
  closeToOthers,
  findOpenEntries,
  findOpenMode,
  preparePrivateDir,
  readPrivateText,
} from "./private-files.ts";

const log = createLog({ write: () => {}, format: "text", level: "error" });

let directory: TempDir;
beforeEach(async () => {
  directory = await createTempDir();
});
afterEach(() => directory[Symbol.asyncDispose]());

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** A folder that all may read, with files that all may read. */
async function openFolder(...names: readonly string[]): Promise<string> {
  const path = join(directory.path, "shared");
  await mkdir(path);
  for (const name of names) {
    await mkdir(join(path, name, ".."), { recursive: true });
    await writeFile(join(path, name), "x");
    await chmod(join(path, name), 0o644);
  }
  await chmod(path, 0o755);
  return path;
}

describe("a folder that is given as the data directory", () => {
  test("and holds things of others is not closed, and neither are folders of theirs with names like ours", async () => {
    const path = await openFolder("photos.zip", "tls/site.pem", "nodes/one.txt");
    expect(await findOpenEntries(path)).toEqual([]);
    await preparePrivateDir(path, { log });
    expect(await modeOf(path)).toBe("755");
    expect(await modeOf(join(path, "tls/site.pem"))).toBe("644");
  });

  test.each(["token", "mesh.db", "nodes/mesh_0123456789abcdef0123456789abcdef/one/node.json"])(
    "and holds things of others beside %s stays as it is, and ours are closed",
    async (name) => {
      const path = await openFolder("photos.zip", name);
      await preparePrivateDir(path, { log });
      expect(await modeOf(path)).toBe("755");
      expect(await modeOf(join(path, name))).toBe("600");
      expect(await modeOf(join(path, "photos.zip"))).toBe("644");
    },
  );

  test("and holds things of others is refused when others may write to it", async () => {
    const path = await openFolder("photos.zip");
    await chmod(path, 0o777);
    await expect(preparePrivateDir(path, { log })).rejects.toMatchObject({ code: "FILE_UNSAFE" });
  });

  test.each([["token"], ["config.yaml"], []])(
    "and holds nothing but ours is closed: %p",
    async (...names) => {
      const path = await openFolder(...names);
      await preparePrivateDir(path, { log });
      expect(await modeOf(path)).toBe("700");
    },
  );
});

test("a socket in the place of a secret is no file", async () => {
  const path = join(directory.path, "token");
  const server = Bun.listen({ unix: path, socket: { data: () => undefined } });
  await expect(readPrivateText(path)).rejects.toMatchObject({ code: "FILE_UNSAFE" });
  server.stop(true);
});

describe("a file with a secret", () => {
  test("that everybody may read is closed", async () => {
    const file = join(await openFolder("config.yaml"), "config.yaml");
    expect(await findOpenMode(file)).toBe("644");
    await closeToOthers(file);
    expect(await modeOf(file)).toBe("600");
    expect(await findOpenMode(file)).toBeNull();
  });

  test.skipIf(process.getuid?.() !== 0)("keeps the group that was given to it", async () => {
    const file = join(await openFolder("config.yaml"), "config.yaml");
    await chown(file, 0, 4_321);
    await chmod(file, 0o644);
    expect(await findOpenMode(file)).toBe("644");
    await closeToOthers(file);
    expect(await modeOf(file)).toBe("640");
    expect(await findOpenMode(file)).toBeNull();
    await chmod(file, 0o660);
    expect(await findOpenMode(file)).toBe("660");
  });
});
