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

/** What a line of the killed writer promises of the task. */
function promised(what: string, id: string, other: string | undefined): object {
  switch (what) {
    case "finished":
      return { state: "succeeded", response: id };
    case "failed":
      return { state: "failed" };
    case "discarded":
      return { state: "failed", discardedAtMs: expect.any(Number) };
    case "retried":
      return { state: "failed", retriedAs: other };
    default:
      return {};
  }
}

export function describeDurability(subject: StoreUnderTest): void {
  describe("durability", () => {
    test("keeps every write that was resolved before the process was killed", async () => {
      await subject.store().close();
      const lines: string[] = [];
      for (const count of [50, 400]) lines.push(...(await killInTheMiddle(subject.place(), count)));
      const store = await subject.reopen();
      const counts: Record<string, number> = {};
      for (const line of lines) {
        const [what = "", id = "", other] = line.split(" ");
        counts[what] = (counts[what] ?? 0) + 1;
        expect({ line, task: await store.tasks.get(id as TaskId) }).toMatchObject({
          line,
          task: { attempts: [{ number: 1 }], ...promised(what, id, other) },
        });
        if (other !== undefined) {
          expect(await store.tasks.get(other as TaskId)).toMatchObject({ message: { retryOf: id } });
        }
      }
      for (const what of ["finished", "failed", "discarded", "retried"]) {
        expect(counts[what] ?? 0).toBeGreaterThan(5);
      }
      for (const task of await store.tasks.listUnfinished()) {
        if (task.message.retryOf === null) {
          expect(task).toMatchObject({ state: "running", response: null, attempts: [{ state: "offered" }] });
        } else {
          // Both of it or nothing: the new task, and the mark at the old one.
          expect(await store.tasks.get(task.message.retryOf)).toMatchObject({ retriedAs: task.message.id });
        }
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
