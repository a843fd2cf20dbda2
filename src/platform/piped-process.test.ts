import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { descendantsOf, isRunning } from "../../test/support/descendants.ts";
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
    const { owner, pids } = await startOwner(stubborn);
    expect(pids.map(isRunning)).toEqual([true, true]);
    owner.kill("SIGKILL");
    await until("the end of both", async () => !pids.some(isRunning));
  });

  test("does not outlive this one, when that is killed with its whole group", async () => {
    const { owner, pids } = await startOwner(stubborn);
    const [watcher = 0] = descendantsOf(owner.pid, "while read -r what pid");
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.kill(watcher, signal);
    process.kill(-owner.pid, "SIGKILL");
    await until("the end of both", async () => !pids.some(isRunning));
    await until("the end of what watched over them", async () => !isRunning(watcher));
  });

  test("leaves nothing behind when this one is killed after its end", async () => {
    const { owner, pids } = await startOwner(`sleep 300 > /dev/null 2>&1 & echo "$!"`);
    expect(pids.map(isRunning)).toEqual([true]);
    owner.kill("SIGKILL");
    await until("the end of what it has left", async () => !pids.some(isRunning));
  });
});

/** Another process that starts the script; it tells what the script printed when the script has ended, or goes on. */
async function startOwner(script: string) {
  const file = JSON.stringify(join(import.meta.dir, "piped-process.ts"));
  const program = `
    import { createPipedProcesses } from ${file};
    const options = { command: ["sh", "-c", ${JSON.stringify(script)}], cwd: "/", env: ${JSON.stringify(env)} };
    const piped = createPipedProcesses().start({ ...options, stdin: "ignore" });
    const { value } = await piped.stdout.getReader().read();
    await Promise.race([piped.exited, Bun.sleep(100)]);
    await Bun.sleep(50);
    console.log(new TextDecoder().decode(value).trim());
    setInterval(() => {}, 1000);
  `;
  const command = [process.execPath, "-e", program];
  const owner = Bun.spawn(command, { stdout: "pipe", stderr: "inherit", detached: true });
  const { value } = await owner.stdout.getReader().read();
  return { owner, pids: new TextDecoder().decode(value).trim().split(" ").map(Number) };
}

describe("a program is looked up", () => {
  test("on PATH by its name, and from its folder by a path", () => {
    expect(findProgram("sh", { path: env.PATH, cwd: "/" })).toMatchObject({ kind: "found" });
    expect(findProgram("sh", { path: "/nowhere", cwd: "/" })).toEqual({ kind: "missing" });
    expect(findProgram("bin/sh", { path: "", cwd: "/" })).toEqual({ kind: "found", path: "/bin/sh" });
    expect(findProgram("/etc/passwd", { path: "", cwd: "/" })).toEqual({ kind: "not_executable" });
    expect(findProgram("/etc", { path: "", cwd: "/" })).toEqual({ kind: "missing" });
  });
});
