import type { CoordinatorProcess } from "../support/mesh-process.ts";
import { until } from "../support/until.ts";

export interface TaskLoadOptions {
  /** Calls at once. */
  readonly clients: number;
  /** Fields of every message beside its content. */
  readonly parts?: Readonly<Record<string, unknown>>;
  /** `queued`: POST /tasks, accepted by 202; `synchronous`: POST /route, which comes back with the answer. */
  readonly kind: "queued" | "synchronous";
}

/** A call that was not accepted. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Messages that several clients offer without a pause, and what became of each call. */
export interface TaskLoad {
  /** Content by task id, of the calls that were acknowledged. */
  readonly accepted: ReadonlyMap<string, string>;
  readonly refusals: readonly Refusal[];
  /** How long each acknowledged call took, milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Begins no new calls; resolves when those under way have ended. */
  readonly stop: () => Promise<void>;
}

let loads = 0;

export function offerTasks(coordinator: CoordinatorProcess, options: TaskLoadOptions): TaskLoad {
  const { clients, kind, parts = {} } = options;
  const accepted = new Map<string, string>();
  const refusals: Refusal[] = [];
  const latenciesMs: number[] = [];
  loads += 1;
  const load = loads;
  let isOver = false;

  const offer = async (content: string): Promise<void> => {
    const path = kind === "queued" ? "/api/v1/tasks" : "/api/v1/route";
    const startedAtMs = performance.now();
    const { status, body } = await coordinator.call("POST", path, { content, ...parts });
    if (status !== (kind === "queued" ? 202 : 200)) {
      refusals.push({ status, code: String(body.code), message: String(body.error) });
      return;
    }
    latenciesMs.push(performance.now() - startedAtMs);
    accepted.set(kind === "queued" ? body.id : body.message_id, content);
  };

  const client = async (index: number): Promise<void> => {
    for (let sent = 0; !isOver; sent += 1) {
      // A call that a dying coordinator cut off was never acknowledged: nothing was promised.
      await offer(`load ${load}: ${index}.${sent}`).catch(() => Bun.sleep(20));
    }
  };

  const running = Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return {
    accepted,
    refusals,
    latenciesMs,
    stop: async () => {
      isOver = true;
      await running;
    },
  };
}

const terminal: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled", "expired"]);

/** What a coordinator knows of the tasks, counted by state; `missing` are those that it does not know. */
export async function countStates(
  coordinator: CoordinatorProcess,
  ids: Iterable<string>,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  const states = await loadStates(coordinator);
  for (const id of ids) {
    const state = states.get(id) ?? "missing";
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

async function loadStates({ call }: CoordinatorProcess): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { body } = await call("GET", `/api/v1/tasks?limit=500${cursor === "" ? "" : `&cursor=${cursor}`}`);
    for (const { id, state } of body.tasks) states.set(id, state);
    cursor = body.next_cursor;
  }
  return states;
}

/** Waits until every one of the tasks has ended, or is missing. */
export function untilAllEnded(
  coordinator: CoordinatorProcess,
  ids: Iterable<string>,
  timeoutMs = 20_000,
): Promise<Readonly<Record<string, number>>> {
  const all = [...ids];
  return until(
    `the end of ${all.length} tasks`,
    async () => {
      const counts = await countStates(coordinator, all);
      return Object.keys(counts).every((state) => terminal.has(state) || state === "missing") ? counts : null;
    },
    timeoutMs,
  );
}

/** The value below which the share lies; 0 for an empty list. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
