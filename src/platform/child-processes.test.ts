import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../test/support/until.ts";
import { type ChildOptions, createChildren } from "./child-processes.ts";

const sleeper: ChildOptions = {
  command: ["sleep", "30"],
  cwd: "/",
  env: { PATH: process.env.PATH ?? "" },
  logFile: null,
  stdout: "log",
};

/** Of a process that nobody waits for here. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("processes that this one has started", () => {
  test("are ended together, and none is started after that", async () => {
    const children = createChildren();
    const child = children.start(sleeper);
    await children.stop();
    expect(child.isRunning()).toBe(false);
    expect(() => children.start(sleeper)).toThrow("after all were stopped");
  });

  test("do not outlive it when it is killed", async () => {
    const file = JSON.stringify(join(import.meta.dir, "child-processes.ts"));
    const script = `
      import { createChildren } from ${file};
      const children = createChildren();
      const options = { ...${JSON.stringify(sleeper)} };
      const started = [1, 2, 3].map(() => children.start(options));
      started[1].kill("SIGKILL");
      await started[1].exited;
      console.log(JSON.stringify(started.map(({ pid }) => pid)));
      setInterval(() => {}, 1000);
    `;
    const owner = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const { value } = await owner.stdout.getReader().read();
    const [one, , three] = JSON.parse(new TextDecoder().decode(value)) as [number, number, number];
    expect([one, three].map(isRunning)).toEqual([true, true]);
    owner.kill("SIGKILL");
    await until("the end of what it started", async () => ![one, three].some(isRunning));
  });
});
