import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readProcessStart } from "../../../src/platform/process-identity.ts";
import { MeshError } from "../../../src/protocol/errors.ts";
import { readGatewayState, startGateway, stopGateway } from "../../../src/provision/index.ts";
import { createZeroclawHome, providerKey, type ZeroclawHome } from "../../support/zeroclaw/home.ts";

const failure = async (promise: Promise<unknown>): Promise<MeshError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MeshError) return error;
    throw error;
  }
  throw new Error("it did not fail");
};

describe("a gateway in the background", () => {
  let zeroclaw: ZeroclawHome;
  beforeEach(async () => {
    zeroclaw = await createZeroclawHome();
  });
  afterEach(async () => {
    await stopGateway("zeroclaw", { ...zeroclaw.deps, stopLimitMs: 300 });
    await zeroclaw[Symbol.asyncDispose]();
  });

  const record = async () => JSON.parse(await readFile(recordPath(), "utf8"));
  const recordPath = () => join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.json");
  const startPath = () => join(zeroclaw.dataDir, "runtimes", "zeroclaw", "starting.json");
  const logPath = () => join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.log");

  test("is started, waited for, known by its process, and stopped", async () => {
    await zeroclaw.behave({ startDelayMs: 300 });
    const gateway = await zeroclaw.setUp();
    const started = await startGateway(gateway, zeroclaw.deps);
    expect(started).toMatchObject({ kind: "zeroclaw", how: "started", endpoint: gateway.endpoint });
    expect(await gateway.isReady()).toBe(true);
    expect(await record()).toMatchObject({
      pid: started.pid,
      started_at: readProcessStart(started.pid ?? 0),
      command: [...zeroclaw.program.command, "gateway", "start"],
    });
    for (const path of [recordPath(), logPath()]) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readGatewayState("zeroclaw", zeroclaw.deps)).toMatchObject({
      isRunning: true,
      pid: started.pid,
    });
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
    expect(readProcessStart(started.pid ?? 0)).toBeNull();
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(false);
    expect(await readGatewayState("zeroclaw", zeroclaw.deps)).toMatchObject({ isRunning: false, pid: null });
  });

  test("runs once, however often and from how many places it is started", async () => {
    const gateway = await zeroclaw.setUp();
    const starts = await Promise.all([1, 2, 3].map(() => startGateway(gateway, zeroclaw.deps)));
    expect(new Set(starts.map(({ pid }) => pid)).size).toBe(1);
    expect(starts.map(({ how }) => how).sort()).toEqual(["already_running", "already_running", "started"]);
    expect(await zeroclaw.starts()).toBe(1);
  });

  test("that somebody else has started is used, and never stopped", async () => {
    const gateway = await zeroclaw.setUp();
    const other = Bun.spawn([...gateway.command], { env: zeroclaw.env, stdout: "ignore", stderr: "ignore" });
    while (!(await gateway.isReady())) await Bun.sleep(20);
    expect(await startGateway(gateway, zeroclaw.deps)).toMatchObject({ how: "already_running", pid: null });
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(false);
    expect(await gateway.isReady()).toBe(true);
    other.kill();
    await other.exited;
  });

  test("fails to start while another program has its port, which is told", async () => {
    const gateway = await zeroclaw.setUp();
    const port = Number(zeroclaw.env.ZEROCLAW_gateway__port);
    const other = Bun.serve({
      port,
      hostname: "127.0.0.1",
      fetch: () => new Response("<html>", { status: 200 }),
    });
    const error = await failure(startGateway(gateway, zeroclaw.deps));
    expect(error).toMatchObject({ code: "RUNTIME_START_FAILED" });
    expect(error.message).toContain(`Another program has the address 127.0.0.1:${port}`);
    expect(await zeroclaw.starts()).toBe(0);
    await other.stop(true);
  });

  test("that ends before it is ready fails at once, with what it wrote last", async () => {
    const gateway = await zeroclaw.setUp();
    await writeFile(
      zeroclaw.program.command[0] ?? "",
      "#!/bin/sh\necho first; echo 'key sk-abcdefghijklmnop is wrong' >&2; sleep 0.2; exit 3\n",
    );
    const startedAtMs = performance.now();
    const error = await failure(startGateway(gateway, zeroclaw.deps));
    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(error.code).toBe("RUNTIME_START_FAILED");
    expect(error.message).toContain("ended before it was ready (exit code 3)");
    expect(error.message).toContain("first\n  key *** is wrong");
  });

  test("whose program is gone fails with its name", async () => {
    const gateway = await zeroclaw.setUp();
    const error = await failure(
      startGateway({ ...gateway, command: [join(zeroclaw.home, "gone")] }, zeroclaw.deps),
    );
    expect(error.code).toBe("RUNTIME_START_FAILED");
    expect(error.message).toContain("gone cannot be started (ENOENT)");
  });

  test("that is not ready in time goes on, and is told of", async () => {
    await zeroclaw.behave({ startDelayMs: 60_000 });
    const gateway = await zeroclaw.setUp();
    const error = await failure(startGateway({ ...gateway, readyLimitMs: 300 }, zeroclaw.deps));
    expect(error.message).toContain("runs but was not ready within");
    expect(await readGatewayState("zeroclaw", zeroclaw.deps)).toMatchObject({ isRunning: true });
  });

  test("is ended with the patience of whoever starts it", async () => {
    await zeroclaw.behave({ startDelayMs: 60_000 });
    const gateway = await zeroclaw.setUp();
    const stop = new AbortController();
    const starting = startGateway(gateway, { ...zeroclaw.deps, signal: stop.signal });
    starting.catch(() => undefined);
    while (!(await readGatewayState("zeroclaw", zeroclaw.deps)).isRunning) await Bun.sleep(20);
    stop.abort(new Error("enough"));
    await expect(starting).rejects.toThrow("enough");
    expect(await readGatewayState("zeroclaw", zeroclaw.deps)).toMatchObject({ isRunning: false });
  });

  test("that does not end by SIGTERM is killed after its limit, with what it has started", async () => {
    const gateway = await zeroclaw.setUp();
    await writeFile(
      zeroclaw.program.command[0] ?? "",
      `#!/bin/sh\ntrap '' TERM\nsleep 1000 & echo $! > ${zeroclaw.home}/worker.pid\nwhile true; do sleep 1; done\n`,
    );
    await failure(startGateway({ ...gateway, readyLimitMs: 500 }, zeroclaw.deps));
    const worker = Number(await readFile(join(zeroclaw.home, "worker.pid"), "utf8"));
    expect(readProcessStart(worker)).not.toBeNull();
    expect(await stopGateway("zeroclaw", { ...zeroclaw.deps, stopLimitMs: 200 })).toBe(true);
    expect(readProcessStart(worker)).toBeNull();
  });

  test("a process that only has the number of the recorded one is left alone", async () => {
    const gateway = await zeroclaw.setUp();
    const innocent = Bun.spawn(["sleep", "1000"]);
    await mkdir(join(zeroclaw.dataDir, "runtimes", "zeroclaw"), { recursive: true });
    await writeFile(
      recordPath(),
      JSON.stringify({
        pid: innocent.pid,
        started_at: "1@another-boot",
        command: [...gateway.command],
        endpoint: gateway.endpoint,
        stop_asked: false,
      }),
    );
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(false);
    expect(readProcessStart(innocent.pid)).not.toBeNull();
    innocent.kill("SIGKILL");
  });

  test("a record that cannot be understood is nobody's process", async () => {
    const gateway = await zeroclaw.setUp();
    await mkdir(join(zeroclaw.dataDir, "runtimes", "zeroclaw"), { recursive: true });
    await writeFile(recordPath(), '{"pid": -1');
    expect(await readGatewayState("zeroclaw", zeroclaw.deps)).toMatchObject({ isRunning: false });
    expect(await startGateway(gateway, zeroclaw.deps)).toMatchObject({ how: "started" });
  });

  test("that was started by somebody who ended before noting it is found and used", async () => {
    const gateway = await zeroclaw.setUp();
    const { pid } = await startGateway(gateway, zeroclaw.deps);
    const { command, endpoint, start_id } = await record();
    await rm(recordPath());
    await writeFile(startPath(), JSON.stringify({ command, endpoint, start_id }));
    expect(await startGateway(gateway, zeroclaw.deps)).toMatchObject({ how: "already_running", pid });
    expect(await record()).toMatchObject({ pid });
    expect(await Bun.file(startPath()).exists()).toBe(false);
    await rm(recordPath());
    await writeFile(startPath(), JSON.stringify({ command, endpoint, start_id }));
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(true);
    expect(readProcessStart(pid ?? 0)).toBeNull();
  });

  test("that goes into the background by itself is waited for, and left running", async () => {
    const gateway = await zeroclaw.setUp();
    const main = zeroclaw.program.command[0] ?? "";
    await copyFile(main, join(zeroclaw.home, "real"));
    await writeFile(
      main,
      `#!/bin/sh\n"${zeroclaw.home}/real" "$@" &\necho $! > ${zeroclaw.home}/daemon.pid\n`,
    );
    expect(await startGateway(gateway, zeroclaw.deps)).toMatchObject({ how: "started" });
    expect(await gateway.isReady()).toBe(true);
    expect(await stopGateway("zeroclaw", zeroclaw.deps)).toBe(false);
    process.kill(Number(await readFile(join(zeroclaw.home, "daemon.pid"), "utf8")), "SIGKILL");
  });

  test("gets no variable of claw-mesh, and no key on its command line", async () => {
    const gateway = await zeroclaw.setUp();
    const env = { ...zeroclaw.env, CLAW_MESH_TOKEN: "a-token-of-the-mesh", CLAW_MESH_API_KEY: providerKey };
    const { pid } = await startGateway(gateway, { ...zeroclaw.deps, env });
    if (process.platform === "linux") {
      const variables = await readFile(`/proc/${pid}/environ`, "utf8");
      expect(variables).toContain(`HOME=${zeroclaw.home}`);
      expect(variables).not.toContain("CLAW_MESH_");
      expect(variables).not.toContain(providerKey);
      expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(providerKey);
    }
  });
});
