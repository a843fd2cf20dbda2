/** What root makes for another user, in folders that this user may change at any time. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, chown, lstat, mkdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTempDir, type TempDir } from "../../../test/support/temp-dir.ts";
import { Secret } from "../../protocol/secret.ts";
import { openOwnedFolder } from "./owned-folder.ts";
import { saveCredential } from "./service-token.ts";

const ann = { uid: 12_345, gid: 12_346 };
const id = { role: "node", node: null } as const;

let directory: TempDir;
let home: string;
beforeEach(async () => {
  directory = await createTempDir();
  home = join(directory.path, "ann");
  await mkdir(home, { mode: 0o700 });
  if (process.getuid?.() === 0) await chown(home, ann.uid, ann.gid);
});
afterEach(() => directory[Symbol.asyncDispose]());

const ownerOf = async (path: string) => {
  const { uid, gid, mode } = await lstat(path);
  return { uid, gid, mode: (mode & 0o777).toString(8) };
};

describe.skipIf(process.getuid?.() !== 0)("root makes a folder for a user", () => {
  test("and all that is missing on the way is that user's, closed to others", async () => {
    const path = join(home, "a", "mesh", "services");
    await using folder = await openOwnedFolder(path, ann);
    await saveCredential(folder, id, { secret: new Secret("tok_1"), owner: ann });
    for (const made of [join(home, "a"), join(home, "a", "mesh"), path]) {
      expect(await ownerOf(made)).toEqual({ ...ann, mode: "700" });
    }
    expect(await ownerOf(join(path, "claw-mesh-node.token"))).toEqual({ ...ann, mode: "600" });
  });

  test("and what is there keeps mode and owner", async () => {
    const path = join(home, "services");
    await mkdir(path, { mode: 0o755 });
    await chmod(path, 0o755);
    await (await openOwnedFolder(path, ann))[Symbol.asyncDispose]();
    expect(await ownerOf(path)).toEqual({ uid: 0, gid: 0, mode: "755" });
  });

  test.each(["mesh", "mesh/services"])("not through a link at %s", async (name) => {
    const victim = join(directory.path, "victim");
    await mkdir(victim, { mode: 0o755 });
    const before = await ownerOf(victim);
    await mkdir(join(home, name, ".."), { recursive: true });
    await symlink(victim, join(home, name));
    await expect(openOwnedFolder(join(home, "mesh", "services"), ann)).rejects.toMatchObject({
      code: "FILE_UNSAFE",
    });
    expect(await ownerOf(victim)).toEqual(before);
    expect(await stat(join(victim, "services")).catch(() => null)).toBeNull();
  });

  test("and writes into that very folder after its name was given to another", async () => {
    const path = join(home, "services");
    const victim = join(directory.path, "victim");
    await mkdir(victim, { mode: 0o755 });
    await using folder = await openOwnedFolder(path, ann);
    await rename(path, join(home, "moved"));
    await symlink(victim, path);
    await saveCredential(folder, id, { secret: new Secret("tok_1"), owner: ann });
    expect(await stat(join(victim, "claw-mesh-node.token")).catch(() => null)).toBeNull();
    expect(await readFile(join(home, "moved", "claw-mesh-node.token"), "utf8")).toBe("tok_1\n");
  });

  test("and neither reads nor changes what a link in the place of the token leads to", async () => {
    const victim = join(directory.path, "shadow");
    await writeFile(victim, "tok_1\n", { mode: 0o640 });
    await using folder = await openOwnedFolder(join(home, "services"), ann);
    await symlink(victim, join(home, "services", "claw-mesh-node.token"));
    await expect(
      saveCredential(folder, id, { secret: new Secret("tok_1"), owner: ann }),
    ).rejects.toMatchObject({ code: "FILE_UNSAFE" });
    expect(await ownerOf(victim)).toEqual({ uid: 0, gid: 0, mode: "640" });
  });

  test("not below a folder of a third one", async () => {
    const third = join(home, "third");
    await mkdir(third);
    await chown(third, ann.uid + 1, ann.gid);
    await expect(openOwnedFolder(join(third, "services"), ann)).rejects.toMatchObject({
      code: "FILE_UNSAFE",
    });
  });
});
