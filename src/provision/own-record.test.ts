import { describe, expect, test } from "bun:test";
import { chown, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { canBecomeOthers, foreignUid } from "../../test/support/foreign-server.ts";
import { createTempDir } from "../../test/support/temp-dir.ts";
import { gatewayFiles, loadGatewayRecord } from "./gateway/gateway-files.ts";
import { installRecordFile } from "./install/install-places.ts";
import { loadInstallRecord, saveInstallRecord } from "./install/install-record.ts";
import { readOwnRecord } from "./own-record.ts";

describe("a record of what was installed or started", () => {
  test("is read when it is this user's", async () => {
    await using dir = await createTempDir();
    const path = join(dir.path, "runtimes", "zeroclaw", "gateway.json");
    expect(await readOwnRecord(path)).toBeNull();
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "{}");
    expect(await readOwnRecord(path)).toBe("{}");
  });

  test("holds nobody up where it is a pipe", async () => {
    await using dir = await createTempDir();
    const files = gatewayFiles(dir.path, "zeroclaw");
    const install = installRecordFile(dir.path, "zeroclaw");
    await mkdir(files.folder, { recursive: true });
    for (const path of [files.record, install]) expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
    await expect(loadGatewayRecord(files)).rejects.toMatchObject({ code: "FILE_UNSAFE" });
    expect(await loadInstallRecord(dir.path, "zeroclaw")).toBeNull();
  });

  test.skipIf(!canBecomeOthers())(
    "is not believed when it, or a folder of it, is another user's",
    async () => {
      await using dir = await createTempDir();
      const files = gatewayFiles(dir.path, "zeroclaw");
      const record = { version: "1", place: "/bin/sh", source: "x", checksum: "" };
      const write = async () => {
        await rm(join(dir.path, "runtimes"), { recursive: true, force: true });
        await saveInstallRecord(dir.path, "zeroclaw", record);
        await writeFile(files.record, "{}");
      };
      await write();
      expect(await loadInstallRecord(dir.path, "zeroclaw")).toEqual(record);
      const places = [
        files.folder,
        dirname(files.folder),
        [files.record, installRecordFile(dir.path, "zeroclaw")],
      ];
      for (const place of places) {
        await write();
        for (const path of [place].flat()) await chown(path, foreignUid, foreignUid);
        await expect(loadGatewayRecord(files)).rejects.toMatchObject({ code: "FILE_UNSAFE" });
        expect(await loadInstallRecord(dir.path, "zeroclaw")).toBeNull();
      }
    },
  );
});
