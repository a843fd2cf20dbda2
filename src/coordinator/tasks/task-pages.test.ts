import { describe, expect, test } from "bun:test";
import { createSampleTask } from "../../../test/support/store/sample-tasks.ts";
import { toOutline } from "../../../test/support/store/task-model.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { TaskId } from "../../protocol/ids.ts";
import type { TaskListing, TaskQuery, TaskStore } from "../../store/tasks.ts";
import { anonymous, type Principal } from "../auth/principal.ts";
import { createTaskPages, maxPagesPerSubject, pieceTasks } from "./task-pages.ts";

const all = Array.from({ length: 1_000 }, () => toOutline(createSampleTask())).sort((a, b) =>
  a.id < b.id ? -1 : 1,
);
const query = {} as TaskQuery;
const page = (limit: number, after: TaskId | null = null) => ({ after, limit, order: "oldest" }) as const;
const of = (subject: string): Principal => ({ ...anonymous, subject });

/** Gives what stands behind `after`, and keeps what was asked for. */
function storeOf({ scanned = Number.POSITIVE_INFINITY } = {}) {
  const limits: number[] = [];
  let turns = 0;
  const turnOfRead: number[] = [];
  const countTurns = () => {
    turns += 1;
    if (isOn) setImmediate(countTurns);
  };
  let isOn = true;
  const stop = () => {
    isOn = false;
  };
  setImmediate(countTurns);
  const list: TaskStore["list"] = async (_query, { after, limit }): Promise<TaskListing> => {
    limits.push(limit);
    turnOfRead.push(turns);
    const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const tasks = all.slice(start, start + Math.min(limit, scanned));
    const next = start + tasks.length < all.length ? (tasks.at(-1)?.id ?? null) : null;
    return { tasks, next };
  };
  return { list, limits, turnOfRead, stop };
}

describe("pages of tasks", () => {
  test("are what the store would give, read in pieces", async () => {
    const store = storeOf();
    const pages = createTaskPages(store);
    const { tasks, next } = await pages.read(query, page(250), of("a"));
    expect(tasks).toEqual(all.slice(0, 250));
    expect(store.limits).toEqual([pieceTasks, pieceTasks, 50]);
    const rest = await pages.read(query, page(5_000, next), of("a"));
    expect(rest).toEqual({ tasks: all.slice(250), next: null });
    store.stop();
  });

  test("end where the store has looked at as many records as one page may", async () => {
    const store = storeOf({ scanned: 30 });
    const { tasks, next } = await createTaskPages(store).read(query, page(500), of("a"));
    expect([tasks.length, next]).toEqual([30, all[29]?.id ?? null]);
    expect(store.limits.length).toBe(1);
    store.stop();
  });

  test("are read one piece in each turn of the event loop, whoever asks and however many do", async () => {
    const store = storeOf();
    const pages = createTaskPages(store);
    const subjects = Array.from({ length: 20 }, (_, index) => `token_${index}`);
    await Promise.all(subjects.map((subject) => pages.read(query, page(300), of(subject))));
    store.stop();
    expect(store.turnOfRead.length).toBe(60);
    expect(new Set(store.turnOfRead).size).toBe(60);
  });

  test("of one token are few at a time; others have theirs, and it has more when these are read", async () => {
    const store = storeOf();
    const pages = createTaskPages(store);
    const read = (subject: string) => pages.read(query, page(10), of(subject));
    const held = Array.from({ length: maxPagesPerSubject }, () => read("a"));
    const refused = await read("a").then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(MeshError);
    expect(refused).toMatchObject({ code: "TOO_MANY_REQUESTS", details: { retry_after_s: 1 } });
    expect((await read("b")).tasks.length).toBe(10);
    await Promise.all(held);
    expect((await read("a")).tasks.length).toBe(10);
    store.stop();
  });

  test("are not read any more for who was revoked while he waited, and his place is free", async () => {
    const store = storeOf();
    const pages = createTaskPages(store);
    const revoked = new AbortController();
    const reading = pages.read(query, page(300), { ...of("a"), revoked: revoked.signal });
    revoked.abort(new MeshError("TOKEN_INVALID", "void"));
    expect(reading).rejects.toMatchObject({ code: "TOKEN_INVALID" });
    await reading.catch(() => undefined);
    expect(store.limits.length).toBeLessThan(3);
    store.stop();
  });
});
