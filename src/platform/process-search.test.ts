import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { findProcessesWith } from "./process-search.ts";

test("finds a process by a variable, with what it started, and tells who leads", async () => {
  const id = randomUUID();
  const parent = Bun.spawn(["sh", "-c", "sleep 1000 & echo $!; wait"], {
    env: { PATH: "/usr/bin:/bin", START_ID: id },
    stdout: "pipe",
    detached: true,
  });
  const { value } = await parent.stdout.getReader().read();
  const child = Number(new TextDecoder().decode(value));
  const found = findProcessesWith("START_ID", id);
  expect(new Map(found.map(({ identity, sessionPid }) => [identity.pid, sessionPid]))).toEqual(
    new Map([
      [parent.pid, parent.pid],
      [child, parent.pid],
    ]),
  );
  expect(found.find(({ identity }) => identity.pid === child)?.parentPid).toBe(parent.pid);
  expect(findProcessesWith("START_ID", "another")).toEqual([]);
  for (const { identity } of found) process.kill(identity.pid, "SIGKILL");
  await parent.exited;
});
