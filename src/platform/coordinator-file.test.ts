import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { holdDataDir } from "../../test/support/local-coordinator.ts";
import { createTempDir, type TempDir } from "../../test/support/temp-dir.ts";
import { findLocalCoordinator, removeCoordinatorFile } from "./coordinator-file.ts";

let dir: TempDir;
beforeEach(async () => {
  dir = await createTempDir();
});
afterEach(() => dir[Symbol.asyncDispose]());

const file = () => join(dir.path, "coordinator.json");

describe("a coordinator of this machine", () => {
  test("is found while it holds its data directory, by a file of its owner alone", async () => {
    expect(await findLocalCoordinator(dir.path)).toBeNull();
    using _held = await holdDataDir(dir.path, { port: 9555, host: "0.0.0.0" });
    expect((await findLocalCoordinator(dir.path))?.url).toBe("http://127.0.0.1:9555");
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    await removeCoordinatorFile(dir.path);
    expect(await findLocalCoordinator(dir.path)).toBeNull();
    await removeCoordinatorFile(dir.path);
  });

  test("is not found by a file that it left behind when it was killed", async () => {
    (await holdDataDir(dir.path, { port: 9555 }))[Symbol.dispose]();
    expect(await findLocalCoordinator(dir.path)).toBeNull();
  });

  test("is not found while another one, that has not said yet where it listens, holds the directory", async () => {
    using _held = await holdDataDir(dir.path, { port: 9555 });
    const facts = { scheme: "http", host: "127.0.0.1", port: 9555, pid: process.pid + 1 };
    await writeFile(file(), JSON.stringify(facts));
    expect(await findLocalCoordinator(dir.path)).toBeNull();
  });

  test.each(["", "{", "null", '{"port":"9555"}', `{"scheme":"ftp","host":"","port":1,"pid":${process.pid}}`])(
    "is not found by a file that holds %j",
    async (text) => {
      using _held = await holdDataDir(dir.path, { port: 9555 });
      await writeFile(file(), text);
      expect(await findLocalCoordinator(dir.path)).toBeNull();
    },
  );

  test("is not found where the lock cannot be looked at", async () => {
    using _held = await holdDataDir(dir.path, { port: 9555 });
    await rename(join(dir.path, "lock"), join(dir.path, "moved"));
    await mkdir(join(dir.path, "lock"));
    expect(await findLocalCoordinator(dir.path)).toBeNull();
  });

  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

  test.each([
    ["0.0.0.0", "http", "http://127.0.0.1:9555", true],
    ["0.0.0.0", "http", "http://127.0.0.2:9555", true],
    ["0.0.0.0", "http", "http://[::1]:9555", false],
    ["0.0.0.0", "http", "http://127.0.0.1:9556", false],
    ["0.0.0.0", "http", "https://127.0.0.1:9555", false],
    ["0.0.0.0", "https", "http://127.0.0.1:9555", false],
    ["0.0.0.0", "https", "https://127.0.0.1:9555", true],
    ["0.0.0.0", "http", "http://192.0.2.7:9555", false],
    ["0.0.0.0", "http", "http://mesh.example.com:9555", false],
    ["0.0.0.0", "http", "http://evil.localhost:9555", false],
    ["::", "http", "http://[::1]:9555", true],
    ["::", "http", "http://127.0.0.1:9555", true],
    ["127.0.0.1", "http", "http://127.0.0.1:9555", true],
    ["127.0.0.1", "http", "http://127.0.0.2:9555", false],
    ["127.0.0.1", "http", "http://[::1]:9555", false],
    ["192.0.2.7", "http", "http://127.0.0.1:9555", false],
    ["192.0.2.7", "http", "http://192.0.2.7:9555", false],
    ["192.0.2.7", "http", "http://localhost:9555", false],
    ["localhost", "http", "http://127.0.0.1:9555", true],
    ...(own === undefined ? [] : [[own, "http", `http://${own}:9555`, true] as const]),
  ] as const)("on %s with %s: that only it can answer at %s is %p", async (host, scheme, url, is) => {
    using _held = await holdDataDir(dir.path, { port: 9555, host, scheme });
    expect((await findLocalCoordinator(dir.path))?.match(url) ?? null).toBe(is ? url : null);
  });

  test("is called by its address in place of localhost, which may lead to somebody else's", async () => {
    using _held = await holdDataDir(dir.path, { port: 9555, host: "0.0.0.0" });
    expect((await findLocalCoordinator(dir.path))?.match("http://localhost:9555")).toBe(
      "http://127.0.0.1:9555",
    );
  });

  test("has the port that its scheme stands for, when the address names none", async () => {
    using _held = await holdDataDir(dir.path, { port: 80 });
    expect((await findLocalCoordinator(dir.path))?.match("http://127.0.0.1")).toBe("http://127.0.0.1");
  });
});
