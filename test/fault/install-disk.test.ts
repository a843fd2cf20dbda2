import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../support/mesh-process.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { tarFile, tarOf } from "../support/tar.ts";
import { zeroclawAsset } from "../support/zeroclaw/archive.ts";
import { isMountReady, mountSmallDisk, type SmallDisk } from "./small-disk.ts";

setDefaultTimeout(e2eTimeoutMs);

const tag = "v0.8.4";
/** Of a disk of 4 MiB. */
const programBytes = 3_000_000;

let mesh: TestMesh;
let releases: ReleaseServer;
const disks: SmallDisk[] = [];

beforeEach(async () => {
  mesh = await createTestMesh();
  releases = await startReleaseServer();
  const noise = new Uint8Array(programBytes);
  for (let at = 0; at < programBytes; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));
  const program = Buffer.concat([Buffer.from('#!/bin/sh\necho "zeroclaw 0.8.4"\nexit 0\n'), noise]);
  releases.publish(tag, zeroclawAsset(), { bytes: gzipSync(tarOf(tarFile("zeroclaw", program))) });
});
afterEach(async () => {
  for (const disk of disks.splice(0)) await disk[Symbol.asyncDispose]();
  await releases[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

async function createMachine(
  name: string,
  smallFolder: string,
): Promise<{ machine: Machine; disk: SmallDisk }> {
  const machine = await mesh.createMachine(name, { CLAW_MESH_ZEROCLAW_RELEASES: releases.url });
  const disk = await mountSmallDisk(join(machine.home, smallFolder), 4);
  disks.push(disk);
  return { machine, disk };
}

const args = [
  ...["runtime", "install", "zeroclaw", "--no-start"],
  ...["--api-base", "http://127.0.0.1:1/v1", "--api-model", "m"],
];

describe.skipIf(!isMountReady())("an installation on a disk that is too small", () => {
  test("says so for the download, keeps what there is room for, and goes on when there is room", async () => {
    const { machine, disk } = await createMachine("download", ".claw-mesh");
    await disk.fill();
    const filler = join(machine.home, ".claw-mesh", "filler");
    await truncate(filler, (await stat(filler)).size - 1024 * 1024);
    const failed = await machine.cli([...args, "--json"]);
    expect(failed.exitCode).toBe(1);
    expect(JSON.parse(failed.stderr)).toMatchObject({
      code: "DISK_FULL",
      error: expect.stringContaining(`${zeroclawAsset()}.part`),
    });
    await disk.free();
    expect((await machine.cli(args)).exitCode).toBe(0);
    expect(releases.downloads.map(({ range }) => range)).toEqual([
      null,
      expect.stringMatching(/^bytes=[1-9]\d{4,}-$/),
    ]);
  });

  test("says so for the program, and leaves neither a part of it nor the old one broken", async () => {
    const { machine, disk } = await createMachine("program", ".local");
    await disk.fill();
    const failed = await machine.cli([...args, "--json"]);
    expect(failed.exitCode).toBe(1);
    expect(JSON.parse(failed.stderr)).toMatchObject({
      code: "DISK_FULL",
      error: expect.stringContaining(join(machine.home, ".local", "bin")),
    });
    await disk.free();
    expect(await readdir(join(machine.home, ".local", "bin")).catch(() => [])).toEqual([]);
    expect((await machine.cli(args)).exitCode).toBe(0);
    expect((await stat(join(machine.home, ".local", "bin", "zeroclaw"))).size).toBeGreaterThan(programBytes);
    // The archive was kept, so it was got once.
    expect(releases.downloads).toHaveLength(1);
  });

  test("says so for a disk that can only be read", async () => {
    const { machine, disk } = await createMachine("read-only", ".local");
    disk.remount("ro");
    const failed = await machine.cli([...args, "--json"]);
    expect(JSON.parse(failed.stderr)).toMatchObject({
      code: "RUNTIME_INSTALL_FAILED",
      error: expect.stringContaining("EROFS"),
    });
  });
});
