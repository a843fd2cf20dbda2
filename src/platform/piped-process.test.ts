import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isRunning } from "../../test/support/descendants.ts";
import { until } from "../../test/support/until.ts";
import { systemClock } from "./clock.ts";
import { createPipedProcesses, endProcessGroup, findProgram } from "./piped-process.ts";

const env = { PATH: process.env.PATH ?? "" };
/** Starts a child in its group, that does not care about SIGTERM either, and tells both ids. */
const stubborn = `trap '' TERM; sleep 300 & echo "$$ $!"; wait; wait`;

describe("a process that is talked to", () => {
  test("takes what is written, and says that nobody reads any more", async () => {
    const processes = createPipedProcesses();
    const cat = processes.start({ command: ["cat"], cwd: "/", env, stdin: "pipe" });
    await cat.write(new TextEncoder().encode("hello"));
    await cat.endInput();
    expect(await new Response(cat.stdout).text()).toBe("hello");
    expect(await cat.exited).toEqual({ code: 0, signal: null });
    const deaf = processes.start({
      command: ["sh", "-c", "exec <&-; echo; sleep 5"],
      cwd: "/",
      env,
      stdin: "pipe",
    });
    await deaf.stdout.getReader().read();
    await expect(deaf.write(new Uint8Array(1_000_000))).rejects.toThrow("EPIPE");
    await endProcessGroup(deaf, { clock: systemClock, graceMs: 0 });
    processes.stop();
  });

  test("is ended with all of its group", async () => {
    const processes = createPipedProcesses();
    const piped = processes.start({ command: ["sh", "-c", stubborn], cwd: "/", env, stdin: "ignore" });
    const { value } = await piped.stdout.getReader().read();
    const pids = new TextDecoder().decode(value).trim().split(" ").map(Number);
    expect(pids.map(isRunning)).toEqual([true, true]);
    await endProcessGroup(piped, { clock: systemClock, graceMs: 50 });
    expect(await piped.exited).toEqual({ code: null, signal: "SIGKILL" });
    await until("the end of both", async () => !pids.some(isRunning));
    processes.stop();
  });

  test("does not outlive this one, when that is killed, nor does what it has started", async () => {
    const file = JSON.stringify(join(import.meta.dir, "piped-process.ts"));
    const script = `
      import { createPipedProcesses } from ${file};
      const options = { command: ["sh", "-c", ${JSON.stringify(stubborn)}], cwd: "/", env: ${JSON.stringify(env)} };
      const piped = createPipedProcesses().start({ ...options, stdin: "ignore" });
      const { value } = await piped.stdout.getReader().read();
      await Bun.sleep(50);
      console.log(new TextDecoder().decode(value).trim());
      setInterval(() => {}, 1000);
    `;
    const owner = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const { value } = await owner.stdout.getReader().read();
    const pids = new TextDecoder().decode(value).trim().split(" ").map(Number);
    expect(pids.map(isRunning)).toEqual([true, true]);
    owner.kill("SIGKILL");
    await until("the end of both", async () => !pids.some(isRunning));
  });
});

describe("a program is looked up", () => {
  test("on PATH by its name, and from its folder by a path", () => {
    expect(findProgram("sh", { path: env.PATH, cwd: "/" })).toMatchObject({ kind: "found" });
    expect(findProgram("sh", { path: "/nowhere", cwd: "/" })).toEqual({ kind: "missing" });
    expect(findProgram("bin/sh", { path: "", cwd: "/" })).toEqual({ kind: "found", path: "/bin/sh" });
    expect(findProgram("/etc/passwd", { path: "", cwd: "/" })).toEqual({ kind: "not_executable" });
    expect(findProgram("/etc", { path: "", cwd: "/" })).toEqual({ kind: "missing" });
  });
});
