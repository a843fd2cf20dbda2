import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../src/platform/log.ts";
import { readProcessStart } from "../../src/platform/process-identity.ts";
import { systemRandom } from "../../src/platform/random.ts";
import {
  readGatewayState,
  startGateway,
  stopGateway,
  superviseUntilReady,
} from "../../src/provision/index.ts";
import { e2eTimeoutMs } from "../support/mesh-process.ts";
import { until } from "../support/until.ts";
import { createZeroclawHome } from "../support/zeroclaw/home.ts";
import { isMountReady, mountSmallDisk } from "./small-disk.ts";

setDefaultTimeout(e2eTimeoutMs);

describe.skipIf(!isMountReady())("a full disk below the log of a gateway", () => {
  test("ends nothing; the log is made small, and one that is killed is back when there is room", async () => {
    await using zeroclaw = await createZeroclawHome();
    await using disk = await mountSmallDisk(zeroclaw.dataDir, 24);
    const gateway = await zeroclaw.setUp();
    const parts = { random: systemRandom, log: silentLog, signal: new AbortController().signal };
    const one = await superviseUntilReady(gateway, { ...zeroclaw.deps, ...parts, lookEveryMs: 50 });
    const { pid, logFile } = await readGatewayState("zeroclaw", zeroclaw.deps);
    await writeFile(logFile, "x".repeat(13 * 1024 * 1024), { flag: "a" });
    await disk.fill();
    await until("an empty log", async () => Bun.file(logFile).size === 0);
    expect(readProcessStart(pid ?? 0)).not.toBeNull();
    expect(one.state()).toMatchObject({ state: "running", restarts: 0 });

    await disk.fill();
    process.kill(pid ?? 0, "SIGKILL");
    await until("another start", async () => one.state().restarts === 1);
    await disk.free();
    await until("the gateway", async () => one.state().state === "running" && (await gateway.isReady()));
    const state = () => readGatewayState("zeroclaw", zeroclaw.deps);
    await until("a record of its process", async () => (await state()).isRunning);

    const stopped = (await state()).pid ?? 0;
    await disk.fill();
    // The keeper cannot be told, and is not to be taken for told.
    const stopping = stopGateway("zeroclaw", zeroclaw.deps);
    await expect(stopping).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(readProcessStart(stopped)).toBeNull();
    await disk.free();
    await until("the gateway again", async () => one.state().restarts === 2 && (await state()).isRunning);
    await one.stop();
    expect(await gateway.isAlive()).toBe(false);
    expect(await Bun.file(join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.json")).exists()).toBe(
      false,
    );
  });

  test("lets nobody start one that could not be ended again", async () => {
    await using zeroclaw = await createZeroclawHome();
    await using disk = await mountSmallDisk(zeroclaw.dataDir, 4);
    const gateway = await zeroclaw.setUp();
    await disk.fill();
    const { signal } = new AbortController();
    const starting = startGateway(gateway, { ...zeroclaw.deps, signal });
    await expect(starting).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(await gateway.isAlive()).toBe(false);
    await disk.free();
    expect((await startGateway(gateway, { ...zeroclaw.deps, signal })).how).toBe("started");
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
  });
});
