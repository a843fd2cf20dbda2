import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { silentLog } from "../../../src/platform/log.ts";
import { checkPort } from "../../../src/platform/port-check.ts";
import { readProcessStart } from "../../../src/platform/process-identity.ts";
import { systemRandom } from "../../../src/platform/random.ts";
import type { Supervision } from "../../../src/protocol/node.ts";
import { gatewayFiles } from "../../../src/provision/gateway/gateway-files.ts";
import { lockStart } from "../../../src/provision/gateway/own-gateway.ts";
import {
  type GatewayProgram,
  readGatewayState,
  type SupervisedGateway,
  startGateway,
  stopGateway,
  superviseGateway,
  superviseUntilReady,
} from "../../../src/provision/index.ts";
import { startGatewayKeeper } from "../../support/gateway-keeper.ts";
import { createZeroclawHome, type ZeroclawHome } from "../../support/zeroclaw/home.ts";

/** Quick enough for tests; the proportions are those of real life. */
const limits = { baseDelayMs: 50, maxDelayMs: 200, silentMs: 1_000, unreadyMs: 1_500, maxEnds: 3 };

const waitMs = 15_000;

describe("a gateway that is kept alive", () => {
  let zeroclaw: ZeroclawHome;
  let gateway: GatewayProgram;
  let supervised: SupervisedGateway[];
  beforeEach(async () => {
    zeroclaw = await createZeroclawHome();
    gateway = await zeroclaw.setUp();
    supervised = [];
  });
  afterEach(async () => {
    await Promise.all(supervised.map((one) => one.stop()));
    await stopGateway("zeroclaw", { ...zeroclaw.deps, stopLimitMs: 500 });
    await zeroclaw[Symbol.asyncDispose]();
  });

  const supervise = (changes: Partial<GatewayProgram> = {}, more: Partial<typeof limits> = {}) => {
    const deps = { ...zeroclaw.deps, random: systemRandom, log: silentLog, lookEveryMs: 50 };
    const one = superviseGateway({ ...gateway, ...changes }, { ...deps, limits: { ...limits, ...more } });
    supervised.push(one);
    return one;
  };
  const until = (one: SupervisedGateway, isReached: (state: Supervision) => boolean) => {
    const { promise, resolve, reject } = Promise.withResolvers<Supervision>();
    const timer = setTimeout(() => reject(new Error(`still ${JSON.stringify(one.state())}`)), waitMs);
    const look = () => {
      if (isReached(one.state())) resolve(one.state());
    };
    const end = one.onChange(look);
    look();
    return promise.finally(() => {
      end();
      clearTimeout(timer);
    });
  };
  const isRunning = ({ state }: Supervision) => state === "running";
  const pid = async () => (await readGatewayState("zeroclaw", zeroclaw.deps)).pid ?? 0;
  const recordPath = () => join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.json");
  const untilGone = async (gone: number) => {
    while (readProcessStart(gone) !== null) await Bun.sleep(10);
  };

  test("is started, shown as it is, and ended with its keeper", async () => {
    await zeroclaw.behave({ startDelayMs: 200 });
    const one = supervise();
    expect(one.state()).toEqual({ state: "starting", restarts: 0, detail: null, next_start_at: null });
    await until(one, isRunning);
    expect(await gateway.isReady()).toBe(true);
    const running = await pid();
    await one.stop();
    expect(readProcessStart(running)).toBeNull();
    expect(one.state().state).toBe("stopped");
  });

  test("comes back after kill -9", async () => {
    const one = supervise();
    await until(one, isRunning);
    const first = await pid();
    process.kill(first, "SIGKILL");
    await until(one, ({ restarts }) => restarts === 1);
    expect(await until(one, isRunning)).toMatchObject({ restarts: 1, detail: "it ended with SIGKILL" });
    expect(await pid()).not.toBe(first);
    expect(await gateway.isReady()).toBe(true);
  });

  test("is given up in a crash loop, and taken back when somebody has started it", async () => {
    await zeroclaw.behave({ crashAfterMs: 1 });
    const one = supervise();
    const given = await until(one, ({ state }) => state === "crash_loop");
    expect(given).toMatchObject({ restarts: 2, detail: "it ended with exit code 101", next_start_at: null });
    expect(await zeroclaw.starts()).toBe(3);
    await zeroclaw.behave({});
    await startGateway(gateway, zeroclaw.deps);
    expect(await until(one, isRunning)).toMatchObject({ restarts: 2 });
    expect(await zeroclaw.starts()).toBe(4);
    process.kill(await pid(), "SIGKILL");
    await until(one, ({ restarts }) => restarts === 3);
  });

  test("tells when it is started again", async () => {
    await zeroclaw.behave({ crashAfterMs: 1 });
    const one = supervise({}, { baseDelayMs: 60_000, maxDelayMs: 60_000 });
    const { next_start_at } = await until(one, ({ state }) => state === "backing_off");
    const waitsMs = Date.parse(next_start_at ?? "") - Date.now();
    expect(waitsMs).toBeGreaterThan(25_000);
    expect(waitsMs).toBeLessThan(61_000);
  });

  test("is given up at once when its configuration is refused", async () => {
    await writeFile(zeroclaw.configPath, "schema_version = ");
    const one = supervise({ finalExitCodes: [1] });
    expect(await until(one, ({ state }) => state === "crash_loop")).toMatchObject({
      restarts: 0,
      detail: "it ended with exit code 1",
    });
  });

  test("whose program is missing is tried again, and given up", async () => {
    const one = supervise({ command: [join(zeroclaw.home, "gone")] });
    const { detail } = await until(one, ({ state }) => state === "crash_loop");
    expect(detail).toContain("gone cannot be started (ENOENT)");
  });

  test("is killed and started again when it hangs", async () => {
    const one = supervise({ isReady: quick(gateway.isReady), isAlive: quick(gateway.isAlive) });
    await until(one, isRunning);
    const hung = await pid();
    process.kill(hung, "SIGSTOP");
    // One that is stopped does not hear SIGTERM either.
    const goesOn = setTimeout(() => process.kill(hung, "SIGCONT"), 3_000);
    await until(one, ({ restarts }) => restarts === 1);
    expect(await until(one, isRunning)).toMatchObject({ detail: "it did not answer for 1 s" });
    await untilGone(hung);
    clearTimeout(goesOn);
  });

  test("stays down when somebody stops it, until somebody starts it", async () => {
    const one = supervise();
    await until(one, isRunning);
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
    await until(one, ({ state }) => state === "stopped");
    expect(await zeroclaw.starts()).toBe(1);
    await startGateway(gateway, zeroclaw.deps);
    await until(one, isRunning);
    expect(one.state().restarts).toBe(0);
  });

  test("can be stopped while it waits for its next start", async () => {
    await zeroclaw.behave({ crashAfterMs: 1 });
    const one = supervise({}, { baseDelayMs: 1_500, maxDelayMs: 1_500 });
    await until(one, ({ state }) => state === "backing_off");
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
    await until(one, ({ state }) => state === "stopped");
    expect(await zeroclaw.starts()).toBe(1);
  });

  test("that runs already is taken over, and ended with its keeper", async () => {
    const { pid: before } = await startGateway(gateway, zeroclaw.deps);
    const one = supervise();
    await until(one, isRunning);
    expect(await zeroclaw.starts()).toBe(1);
    await one.stop();
    expect(readProcessStart(before ?? 0)).toBeNull();
  });

  test("that was taken over comes back after kill -9, too", async () => {
    const { pid: before } = await startGateway(gateway, zeroclaw.deps);
    const one = supervise();
    await until(one, isRunning);
    process.kill(before ?? 0, "SIGKILL");
    await until(one, ({ restarts }) => restarts === 1);
    await until(one, isRunning);
  });

  test("outlives the kill -9 of its keeper, and belongs to the next one", async () => {
    const keeper = await startGatewayKeeper({ home: zeroclaw.home, env: zeroclaw.env });
    const kept = await pid();
    await keeper.kill();
    expect(readProcessStart(kept)).not.toBeNull();
    const next = supervise();
    await until(next, isRunning);
    expect(await pid()).toBe(kept);
    expect(await zeroclaw.starts()).toBe(1);
    await next.stop();
    expect(readProcessStart(kept)).toBeNull();
  });

  test("has one keeper: a second one watches, and leaves it running", async () => {
    const first = supervise();
    await until(first, isRunning);
    const second = supervise();
    await until(second, isRunning);
    await second.stop();
    expect(await gateway.isReady()).toBe(true);
    expect(await zeroclaw.starts()).toBe(1);
  });

  test("goes over to the second keeper when the first one ends", async () => {
    const first = supervise();
    await until(first, isRunning);
    const second = supervise();
    await until(second, isRunning);
    await first.stop();
    await until(second, ({ restarts }) => restarts === 1);
    await until(second, isRunning);
    expect(await gateway.isReady()).toBe(true);
  });

  test("that somebody else started is watched and not ended; ours takes its place when it is gone", async () => {
    const other = Bun.spawn([...gateway.command], { env: zeroclaw.env, stdout: "ignore", stderr: "ignore" });
    while (!(await gateway.isReady())) await Bun.sleep(20);
    const one = supervise();
    await until(one, isRunning);
    expect(await pid()).toBe(0);
    other.kill("SIGKILL");
    await other.exited;
    await until(one, ({ restarts }) => restarts === 1);
    await until(one, isRunning);
    expect(await pid()).not.toBe(0);
  });

  test("stays down when it is stopped just as it is started again", async () => {
    const one = supervise();
    await until(one, isRunning);
    process.kill(await pid(), "SIGKILL");
    await until(one, ({ state }) => state === "backing_off");
    // The next start and the stop wait for each other's turn; whose comes first is left to chance.
    const lock = await lockStart(gatewayFiles(zeroclaw.dataDir, "zeroclaw"), zeroclaw.deps);
    await until(one, ({ restarts }) => restarts === 1);
    const stopping = stopGateway("zeroclaw", zeroclaw.deps);
    await Bun.sleep(50);
    lock.release();
    expect(await stopping).toBe(true);
    await until(one, ({ state }) => state === "stopped");
    expect(await gateway.isAlive()).toBe(false);
    expect(await pid()).toBe(0);
  });

  test("is not started again when it was stopped before its turn came", async () => {
    const one = supervise();
    await until(one, isRunning);
    process.kill(await pid(), "SIGKILL");
    await until(one, ({ state }) => state === "backing_off");
    const lock = await lockStart(gatewayFiles(zeroclaw.dataDir, "zeroclaw"), zeroclaw.deps);
    await until(one, ({ restarts }) => restarts === 1);
    const record = JSON.parse(await readFile(recordPath(), "utf8"));
    await writeFile(recordPath(), JSON.stringify({ ...record, stop_asked: true }));
    lock.release();
    await until(one, ({ state }) => state === "stopped");
    expect(await zeroclaw.starts()).toBe(1);
  });

  test("is started again although an earlier one was to stay down", async () => {
    const one = supervise();
    await until(one, isRunning);
    const record = JSON.parse(await readFile(recordPath(), "utf8"));
    const killed = await pid();
    const innocent = Bun.spawn(["true"]);
    await innocent.exited;
    await writeFile(recordPath(), JSON.stringify({ ...record, pid: innocent.pid, stop_asked: true }));
    process.kill(killed, "SIGKILL");
    await until(one, ({ restarts }) => restarts === 1);
    await until(one, isRunning);
  });

  test("keeps its record when somebody waited for the one before", async () => {
    await zeroclaw.behave({ startDelayMs: 400 });
    const one = supervise();
    while ((await pid()) === 0) await Bun.sleep(5);
    const first = await pid();
    const waiting = startGateway(gateway, zeroclaw.deps).catch((error: unknown) => error);
    await Bun.sleep(100);
    process.kill(first, "SIGKILL");
    await waiting;
    await until(one, isRunning);
    expect(await pid()).not.toBe(0);
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
    await until(one, ({ state }) => state === "stopped");
  });

  test("is noted again when its record was lost", async () => {
    const one = supervise();
    await until(one, isRunning);
    const running = await pid();
    await rm(recordPath());
    while ((await pid()) !== running) await Bun.sleep(10);
    expect(one.state().restarts).toBe(0);
  });

  test("is started again although its worker has outlived it with its port", async () => {
    const port = Number(zeroclaw.env.ZEROCLAW_gateway__port);
    const worker = join(zeroclaw.home, "worker.ts");
    await writeFile(
      worker,
      `Bun.serve({ port: ${port}, hostname: "127.0.0.1", fetch: () => new Response("") });`,
    );
    const main = zeroclaw.program.command[0] ?? "";
    const real = await readFile(main, "utf8");
    await writeFile(main, `#!/bin/sh\n${process.execPath} ${worker} &\nwait\n`);
    const one = supervise();
    while ((await checkPort("127.0.0.1", port)).kind === "free") await Bun.sleep(20);
    await writeFile(main, real);
    process.kill(await pid(), "SIGKILL");
    await until(one, ({ restarts }) => restarts === 1);
    expect(await until(one, isRunning)).toMatchObject({ restarts: 1, detail: "it ended with SIGKILL" });
  });

  test("is not begun for somebody who has given up, and ended for one who does", async () => {
    const deps = { ...zeroclaw.deps, random: systemRandom, log: silentLog };
    const early = AbortSignal.abort(new Error("interrupted"));
    await expect(superviseUntilReady(gateway, { ...deps, signal: early })).rejects.toThrow("interrupted");
    expect(await zeroclaw.starts()).toBe(0);
    await zeroclaw.behave({ startDelayMs: 60_000 });
    const stop = new AbortController();
    const starting = superviseUntilReady(gateway, { ...deps, signal: stop.signal });
    starting.catch(() => undefined);
    while ((await pid()) === 0) await Bun.sleep(5);
    stop.abort(new Error("interrupted"));
    await expect(starting).rejects.toThrow("interrupted");
    expect(await pid()).toBe(0);
  });

  test("has its log kept small", async () => {
    const log = join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.log");
    const one = supervise();
    await until(one, isRunning);
    await writeFile(log, "x".repeat(11 * 1024 * 1024), { flag: "a" });
    while ((await Bun.file(log).text()) !== "") await Bun.sleep(20);
    expect((await readFile(`${log}.1`, "utf8")).startsWith("x") || Bun.file(`${log}.1`).size > 0).toBe(true);
    expect(one.state().restarts).toBe(0);
  });
});

/** Asks with less patience than a real machine deserves. */
function quick(ask: () => Promise<boolean>): () => Promise<boolean> {
  return () => Promise.race([ask(), Bun.sleep(200).then(() => false)]);
}
