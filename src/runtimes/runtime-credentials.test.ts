import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../protocol/secret.ts";
import { createRuntimeCredentials } from "./runtime-credentials.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "claw-mesh-"));
});
afterEach(async () => {
  await rm(dataDir, { recursive: true, force: true });
});

const folder = () => join(dataDir, "runtimes", "credentials");

describe("the tokens that adapters keep", () => {
  test("are there again for the same name, and for no other", async () => {
    await createRuntimeCredentials({ dataDir }).save("zeroclaw 127.0.0.1:42617", new Secret("zc_one"));
    const later = createRuntimeCredentials({ dataDir });
    expect((await later.load("zeroclaw 127.0.0.1:42617"))?.reveal()).toBe("zc_one");
    expect(await later.load("zeroclaw 127.0.0.1:42618")).toBeNull();
  });

  test("are null when none was kept, without a folder for it", async () => {
    expect(await createRuntimeCredentials({ dataDir }).load("zeroclaw 127.0.0.1:1")).toBeNull();
    expect(await readdir(dataDir)).toEqual([]);
  });

  test("are replaced by newer ones", async () => {
    const credentials = createRuntimeCredentials({ dataDir });
    await credentials.save("a", new Secret("old"));
    await credentials.save("a", new Secret("new"));
    expect((await credentials.load("a"))?.reveal()).toBe("new");
  });

  test("are readable for this user alone", async () => {
    await createRuntimeCredentials({ dataDir }).save("a", new Secret("one"));
    const [name = ""] = await readdir(folder());
    expect((await stat(folder())).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder(), name))).mode & 0o777).toBe(0o600);
  });

  test("stay in their folder whatever they are called, each apart from the others", async () => {
    const credentials = createRuntimeCredentials({ dataDir });
    const names = ["../../escape", "..", "/etc/passwd", "A b", "a B", "nul\0", "x".repeat(1000), "键"];
    for (const name of names) await credentials.save(name, new Secret(`token of ${names.indexOf(name)}`));
    expect(await readdir(folder())).toHaveLength(names.length);
    for (const name of names) {
      expect((await credentials.load(name))?.reveal()).toBe(`token of ${names.indexOf(name)}`);
    }
  });

  test("are not read through a link", async () => {
    const credentials = createRuntimeCredentials({ dataDir });
    await credentials.save("a", new Secret("one"));
    const [name = ""] = await readdir(folder());
    await writeFile(join(dataDir, "other"), "two");
    await rm(join(folder(), name));
    await symlink(join(dataDir, "other"), join(folder(), name));
    await expect(credentials.load("a")).rejects.toMatchObject({ code: "FILE_UNSAFE" });
  });
});
