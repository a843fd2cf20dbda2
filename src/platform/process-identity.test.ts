import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isProcessRunning, listDescendants, readProcessStart, signalProcess } from "./process-identity.ts";

describe("a process", () => {
  test("is known by its number and the time of its start", async () => {
    const child = Bun.spawn(["sleep", "1000"]);
    const startedAt = readProcessStart(child.pid) ?? "";
    expect(startedAt).not.toBe("");
    expect(readProcessStart(child.pid)).toBe(startedAt);
    expect(isProcessRunning({ pid: child.pid, startedAt })).toBe(true);
    child.kill("SIGKILL");
    await child.exited;
    expect(readProcessStart(child.pid)).toBeNull();
    expect(isProcessRunning({ pid: child.pid, startedAt })).toBe(false);
  });

  test("that has the number of another one gets no signal", async () => {
    const child = Bun.spawn(["sleep", "1000"]);
    const startedAt = readProcessStart(child.pid) ?? "";
    expect(signalProcess({ pid: child.pid, startedAt: "another" }, "SIGKILL")).toBe(false);
    expect(isProcessRunning({ pid: child.pid, startedAt })).toBe(true);
    expect(signalProcess({ pid: child.pid, startedAt }, "SIGKILL")).toBe(true);
    await child.exited;
    expect(signalProcess({ pid: child.pid, startedAt }, "SIGKILL")).toBe(false);
  });

  test("that has ended counts as gone, also while nobody has asked how", async () => {
    // The shell does not ask how its child ended while it sleeps itself.
    const parent = Bun.spawn(["sh", "-c", "true & echo $!; exec sleep 1000"], { stdout: "pipe" });
    const { value } = await parent.stdout.getReader().read();
    const child = Number(new TextDecoder().decode(value));
    while (readProcessStart(child) !== null) await Bun.sleep(5);
    expect(readProcessStart(child)).toBeNull();
    parent.kill("SIGKILL");
    await parent.exited;
  });

  test("tells those that it has started, and those that they have", async () => {
    const parent = Bun.spawn(["sh", "-c", "sh -c 'sleep 1000 & echo started; wait' & wait"], {
      stdout: "pipe",
    });
    await parent.stdout.getReader().read();
    const found = listDescendants(parent.pid);
    expect(found).toHaveLength(2);
    for (const one of found) expect(signalProcess(one, "SIGKILL")).toBe(true);
    parent.kill("SIGKILL");
    await parent.exited;
  });

  test.skipIf(process.platform !== "linux")(
    "is not taken for ended while there is no descriptor to look with",
    async () => {
      const file = JSON.stringify(join(import.meta.dir, "process-identity.ts"));
      const script = `
      const { openSync, closeSync } = await import("node:fs");
      const { isProcessRunning, readProcessStart } = await import(${file});
      const me = { pid: process.pid, startedAt: readProcessStart(process.pid) };
      const taken = [];
      try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
      const answers = [];
      // With no descriptor left, and with one, which is too few for the second file.
      for (let round = 0; round < 2; round++) {
        try { answers.push(isProcessRunning(me)); } catch (error) { answers.push(error.code); }
        closeSync(taken.pop());
      }
      for (const one of taken) closeSync(one);
      console.log(JSON.stringify(answers));`;
      const child = Bun.spawn(["sh", "-c", 'ulimit -n 64; exec "$0" -e "$1"', process.execPath, script]);
      const [unknown, known] = JSON.parse(await child.stdout.text());
      expect(unknown).toBe("EMFILE");
      expect(known).toBe(true);
    },
  );
});
