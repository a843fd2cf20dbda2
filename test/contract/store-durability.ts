import { describe, expect, test } from "bun:test";
import type { TaskId } from "../../src/protocol/ids.ts";
import { createSampleTask } from "../support/store/sample-tasks.ts";
import type { StorePlace, StoreUnderTest } from "./store.ts";

/** Lets the writer resolve so many writes, then kills it; what it had printed by then. */
async function killInTheMiddle(place: StorePlace, lines: number): Promise<readonly string[]> {
  const child = Bun.spawn([...place.writerCommand], { stdout: "pipe", stderr: "inherit" });
  let printed = "";
  let isKilled = false;
  for await (const bytes of child.stdout.pipeThrough(new TextDecoderStream())) {
    printed += bytes;
    if (isKilled || printed.split("\n").length <= lines) continue;
    isKilled = true;
    child.kill("SIGKILL");
  }
  expect(await child.exited).not.toBe(0);
  return printed.split("\n").slice(0, -1);
}

export function describeDurability(subject: StoreUnderTest): void {
  describe("durability", () => {
    test("keeps every write that was resolved before the process was killed", async () => {
      await subject.store().close();
      const lines: string[] = [];
      for (const count of [50, 400]) lines.push(...(await killInTheMiddle(subject.place(), count)));
      const store = await subject.reopen();
      const finished = new Set(
        lines.filter((line) => line.startsWith("finished ")).map((line) => line.slice(9)),
      );
      expect(finished.size).toBeGreaterThan(100);
      for (const line of lines) {
        const id = line.slice(9) as TaskId;
        const task = await store.tasks.get(id);
        expect(task?.attempts).toHaveLength(1);
        if (finished.has(id)) expect(task).toMatchObject({ state: "succeeded", response: id });
      }
      for (const task of await store.tasks.listUnfinished()) {
        expect(task).toMatchObject({ state: "running", response: null, attempts: [{ state: "offered" }] });
      }
    }, 20_000);

    test("syncs, many callers at once, before and after any write", async () => {
      const store = await subject.reopen();
      await store.sync();
      await store.tasks.accept(createSampleTask(), "process");
      await Promise.all(Array.from({ length: 100 }, () => store.sync()));
    });

    test("commits what is queued when it is closed, and refuses all calls afterwards", async () => {
      const store = subject.store();
      const task = createSampleTask();
      const accepted = store.tasks.accept(task, "process");
      const synced = store.sync();
      await store.close();
      expect(await accepted).toBeNull();
      await synced;
      const refusal = { code: "STORE_UNAVAILABLE" };
      await expect(store.tasks.accept(createSampleTask(), "process")).rejects.toMatchObject(refusal);
      await expect(store.tasks.get(task.message.id)).rejects.toMatchObject(refusal);
      await expect(store.sync()).rejects.toMatchObject(refusal);
      await store.close();
      expect(await (await subject.reopen()).tasks.get(task.message.id)).toEqual(task);
    });

    test("rejects one bad write without failing those that share its commit", async () => {
      const { tasks } = subject.store();
      const task = createSampleTask();
      const others = Array.from({ length: 5 }, () => createSampleTask());
      const settled = await Promise.allSettled([
        tasks.accept(task, "process"),
        tasks.accept(task, "process"),
        ...others.map((other) => tasks.accept(other, "full")),
      ]);
      expect(settled.map((result) => result.status)).toEqual([
        "fulfilled",
        "rejected",
        ...others.map(() => "fulfilled" as const),
      ]);
      expect(await tasks.listUnfinished()).toHaveLength(6);
    });
  });
}
