import { createMeshClient, type MeshClient, type MeshFetch } from "../client/index.ts";
import { type Clock, delay } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import { TaskId } from "../protocol/ids.ts";
import type { Secret } from "../protocol/secret.ts";
import { answerTo, type LoadPlan, type PlannedTask, planTask } from "./load-plan.ts";
import type { TaskBook } from "./task-book.ts";
import type { Window } from "./window.ts";

/** The connections of all senders, which a fault can cut. */
export interface SenderConnections {
  readonly signal: () => AbortSignal;
  /** Drops every request that is under way; nothing is sent for so long. */
  readonly drop: (forMs: number) => void;
  /** Nothing is sent before, because of a drop or because the coordinator asked for a pause. */
  readonly pauseUntil: (monotonicMs: number) => void;
  readonly untilOpen: () => Promise<void>;
}

export function createSenderConnections(clock: Clock): SenderConnections {
  let current = new AbortController();
  let openAtMs = 0;
  const pauseUntil = (monotonicMs: number) => {
    openAtMs = Math.max(openAtMs, monotonicMs);
  };
  return {
    signal: () => current.signal,
    drop: (forMs) => {
      const dropped = current;
      current = new AbortController();
      pauseUntil(clock.monotonicMs() + forMs);
      dropped.abort(new DOMException("dropped", "AbortError"));
    },
    pauseUntil,
    untilOpen: async () => {
      for (;;) {
        const waitMs = openAtMs - clock.monotonicMs();
        if (waitMs <= 0) return;
        await delay(clock, waitMs);
      }
    },
  };
}

export interface LoadOptions {
  readonly load: LoadPlan;
  readonly tasks: number;
  readonly baseUrl: string;
  readonly token: Secret;
  readonly fetch: MeshFetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly book: TaskBook;
  /** A task takes room when it is first sent. Who sends leaves when it was refused or answered, else the collector does. */
  readonly window: Window;
  readonly connections: SenderConnections;
  /** Requests at once. */
  readonly concurrency: number;
  /** Tasks a second at most; null: as fast as they are taken. */
  readonly rate: number | null;
  /** Ends the load, together with a drop of the connections: tasks without a clear answer stay so. */
  readonly signal: AbortSignal;
}

/** Seconds that a task may take from its first offer; long after all that a fault can delay. */
const timeoutS = 120;
/** For answers that come at once; a stopped coordinator is waited for. */
const callLimitMs = 15_000;
const pauseMinMs = 50;
const pauseMaxMs = 400;
/** A fault of the coordinator's own is taken for a refusal after so many tries. */
const maxFaultyTries = 10;
/** A coordinator that asks for more is asked earlier. */
const maxPauseMs = 2000;

/** Sends all tasks; resolves when each has a clear answer, or the signal was aborted. */
export async function sendLoad(options: LoadOptions): Promise<void> {
  const { clock, rate, signal } = options;
  const startedMs = clock.monotonicMs();
  let next = 0;
  const work = async (): Promise<void> => {
    const sender = createSender(options);
    while (next < options.tasks && !signal.aborted) {
      const index = next;
      next += 1;
      await options.window.enter();
      if (rate !== null) await delay(clock, startedMs + (index * 1000) / rate - clock.monotonicMs(), signal);
      await sender.send(planTask(options.load, index));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, work));
}

interface Sender {
  readonly send: (task: PlannedTask) => Promise<void>;
}

/** Sends one task at a time. */
function createSender(options: LoadOptions): Sender {
  const { book, clock, connections, signal, window } = options;
  const last: { taskId: TaskId | null; retryAfterS: number } = { taskId: null, retryAfterS: 0 };
  const client = createMeshClient({
    baseUrl: options.baseUrl,
    token: options.token,
    timeoutMs: callLimitMs,
    fetch: async (url, init) => {
      last.taskId = null;
      last.retryAfterS = 0;
      const response = await options.fetch(url, init);
      last.taskId = TaskId.safeParse(response.headers.get("x-claw-mesh-task")).data ?? null;
      last.retryAfterS = Number(response.headers.get("retry-after") ?? 0);
      return response;
    },
  });

  /** false: nobody knows what became of it. */
  async function sendOnce(task: PlannedTask): Promise<boolean> {
    const entry = book.entry(task.index);
    entry.sent += 1;
    try {
      if (task.send === "queue") await addTask(client, task, options);
      else entry.told = await sendAndWait(client, task, options);
      if (last.taskId !== null) book.accept(task.index, last.taskId);
      return true;
    } catch (error) {
      if (last.taskId !== null) book.accept(task.index, last.taskId);
      const code = error instanceof MeshError ? error.code : null;
      if (code === null && !isAbort(error)) throw error;
      if (code === null || isWorthAnotherTry(code)) return false;
      if (code === "INTERNAL" && entry.sent < maxFaultyTries) return false;
      if (task.send === "queue") entry.refused = code;
      else entry.told = { kind: "error", code };
      return true;
    }
  }

  return {
    send: async (task) => {
      for (let isClear = false; !isClear && !signal.aborted; ) {
        await connections.untilOpen();
        isClear = await sendOnce(task);
        if (isClear) break;
        connections.pauseUntil(clock.monotonicMs() + Math.min(maxPauseMs, last.retryAfterS * 1000));
        await delay(clock, pauseMinMs + options.random.next() * (pauseMaxMs - pauseMinMs), signal);
      }
      const entry = book.entry(task.index);
      if (task.isRepeated && entry.refused === null && !signal.aborted) await sendOnce(task);
      if (task.send !== "queue" || entry.refused !== null) window.leave();
    },
  };
}

async function addTask(client: MeshClient, task: PlannedTask, options: LoadOptions): Promise<void> {
  const info = await client.call(
    contract.addTask,
    { body: { ...toMessage(task), priority: task.priority } },
    {
      headers: { "idempotency-key": task.idempotencyKey },
      signal: options.connections.signal(),
    },
  );
  options.book.accept(task.index, info.id);
}

async function sendAndWait(client: MeshClient, task: PlannedTask, options: LoadOptions) {
  const signal = options.connections.signal();
  if (task.send === "stream") {
    const events = client.streamRoute({
      target: null,
      message: toMessage(task),
      idempotencyKey: task.idempotencyKey,
      signal,
    });
    for await (const { event, data } of events) {
      if (event === "result") return toTold(data.response, task);
    }
  }
  const answer = await client.call(
    contract.routeMessage,
    { body: toMessage(task) },
    { headers: { "idempotency-key": task.idempotencyKey }, signal, timeoutMs: null },
  );
  return toTold(answer.response, task);
}

function toTold(response: string, task: PlannedTask) {
  return { kind: "answer", isRight: response === answerTo(task.content) } as const;
}

function toMessage(task: PlannedTask) {
  return {
    content: task.content,
    source: task.source,
    effects: task.effects,
    timeout_s: timeoutS,
    infer: false,
  };
}

/** The coordinator is away, stops, is full or has no disk: the same key is sent again, as any sender would. */
function isWorthAnotherTry(code: MeshError["code"]): boolean {
  return ["COORDINATOR_UNREACHABLE", "COORDINATOR_STOPPING", "QUEUE_FULL", "STORE_UNAVAILABLE"].includes(
    code,
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
