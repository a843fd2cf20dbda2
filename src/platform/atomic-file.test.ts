import { expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "./atomic-file.ts";

test("writes with the permissions asked for, replaces on request, and leaves no draft behind", async () => {
  const dir = await mkdtemp(join(tmpdir(), "claw-mesh-file-"));
  try {
    const path = join(dir, "token");
    expect(await readTextIfExists(path)).toBeNull();
    await writeFileAtomic(path, "one", { mode: 0o600, overwrite: false });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const refused = await writeFileAtomic(path, "two", { mode: 0o600, overwrite: false }).catch(errorCodeOf);
    expect(refused).toBe("EEXIST");
    expect(await readTextIfExists(path)).toBe("one");
    await writeFileAtomic(path, "two", { mode: 0o600, overwrite: true });
    expect(await readTextIfExists(path)).toBe("two");
    expect(await readdir(dir)).toEqual(["token"]);
  } finally {
    await rm(dir, { recursive: true });
  }
});
