import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TaskChange } from "../src/domain/tasks/task.ts";
import { systemClock } from "../src/platform/clock.ts";
import { systemIds } from "../src/platform/ids.ts";
import { afterLoopTurn } from "../src/platform/loop-turn.ts";
import type { NodeId } from "../src/protocol/ids.ts";
import type { Commit } from "../src/store/sqlite/committer.ts";
import { createSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Durability } from "../src/store/store.ts";
import type { TaskStore } from "../src/store/tasks.ts";
import {
  createSampleAttempt,
  createSampleRunningTask,
  createSampleTask,
  sampleTimeMs,
} from "../test/support/store/sample-tasks.ts";

/**
 * What the store costs. A synchronous message: `accept` with its first attempt and decision, then `change` to succeeded.
 * A queued task: `accept` in full, and how long the event loop stood still meanwhile.
 * Usage: bun scripts/bench-store.ts [pairs per round]
 *        strace -f -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:delay_enter=10000 \
 *          bun scripts/bench-store.ts accept    (the same on a disk that takes 10 ms longer)
 */
const inFlight = 64;
const rounds = 3;
const acceptMs = 2_000;
const isAcceptOnly = process.argv[2] === "accept";
const pairsPerRound = isAcceptOnly ? 0 : Number(process.argv[2] ?? 40_000);

const nodeId = systemIds.node();

function finishOf(node: NodeId): TaskChange {
  return {
    state: "succeeded",
    endedAtMs: sampleTimeMs + 100,
    response: "echo: Please train a model with cuda on the new data set and tell me how it went.",
    attempts: [
      createSampleAttempt(node, {
        state: "finished",
        startedAtMs: sampleTimeMs,
        endedAtMs: sampleTimeMs + 100,
      }),
    ],
  };
}

type Tasks = Pick<TaskStore, "accept" | "change">;

/** Keeps nothing and answers on the next loop turn: what the bench itself costs. */
function createEmptyTasks(): Tasks {
  let waiting: (() => void)[] = [];
  const answer = <T>(value: T) =>
    new Promise<T>((resolve) => {
      if (waiting.length === 0) {
        afterLoopTurn(() => {
          const callers = waiting;
          waiting = [];
          for (const call of callers) call();
        });
      }
      waiting.push(() => resolve(value));
    });
  return { accept: () => answer(null), change: () => answer(true) };
}

async function passMessages(tasks: Tasks, durability: Durability, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    const task = createSampleRunningTask(nodeId);
    await tasks.accept(task, durability);
    await tasks.change(task.message.id, { attempt: 1 }, finishOf(nodeId), durability);
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

interface Round {
  readonly tasks: Tasks;
  readonly durability: Durability;
  readonly concurrency: number;
  readonly pairs: number;
}

async function runRound({ tasks, durability, concurrency, pairs }: Round) {
  const each = Math.ceil(pairs / concurrency);
  const done = each * concurrency;
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  await Promise.all(Array.from({ length: concurrency }, () => passMessages(tasks, durability, each)));
  const wallUs = ((performance.now() - startedAtMs) * 1000) / done;
  const cpu = process.cpuUsage(cpuBefore);
  return { wallUs, cpuUs: (cpu.user + cpu.system) / done };
}

function report(name: string, figures: { wallUs: number; cpuUs: number }, rest: string): void {
  const rate = Math.round(1_000_000 / figures.wallUs).toLocaleString("en");
  console.log(
    `${name.padEnd(24)} ${rate.padStart(9)} pairs/s  ${figures.wallUs.toFixed(1)} µs wall  ${figures.cpuUs.toFixed(1)} µs CPU  ${rest}`,
  );
}

async function measure(durability: Durability, concurrency: number, pairs: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bench-store-"));
  const commits: Commit[] = [];
  const store = await createSqliteStore({
    file: join(directory, "mesh.db"),
    clock: systemClock,
    ids: systemIds,
    onCommit: (commit) => commits.push(commit),
  });
  await runRound({ tasks: store.tasks, durability, concurrency, pairs: concurrency * 20 });
  for (let round = 0; round < rounds; round += 1) {
    commits.length = 0;
    const figures = await runRound({ tasks: store.tasks, durability, concurrency, pairs });
    const durations = commits.map((commit) => commit.durationMs).sort((left, right) => left - right);
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(durations, share).toFixed(2));
    report(`${durability}, ${concurrency} in flight`, figures, `commit p50 ${p50} p99 ${p99} max ${max} ms`);
  }
  await store.close();
  rmSync(directory, { recursive: true });
}

/** Longest and p99 time between two turns of the event loop, in milliseconds. */
function watchLoop() {
  const gaps: number[] = [];
  let last = performance.now();
  let isRunning = true;
  const turn = () => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
    if (isRunning) setTimeout(turn, 1);
  };
  turn();
  return () => {
    isRunning = false;
    gaps.sort((left, right) => left - right);
    return [percentile(gaps, 0.5), percentile(gaps, 0.99), percentile(gaps, 1)].map((gap) => gap.toFixed(1));
  };
}

async function measureAccept(concurrency: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "bench-store-"));
  const store = await createSqliteStore({
    file: join(directory, "mesh.db"),
    clock: systemClock,
    ids: systemIds,
  });
  const latencies: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  const endLoop = watchLoop();
  const acceptAll = async () => {
    while (performance.now() - startedAtMs < acceptMs) {
      const beganAtMs = performance.now();
      await store.tasks.accept(createSampleTask({}, { isSynchronous: false }), "full");
      latencies.push(performance.now() - beganAtMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, acceptAll));
  const seconds = (performance.now() - startedAtMs) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const loop = endLoop();
  await store.close();
  rmSync(directory, { recursive: true });
  latencies.sort((left, right) => left - right);
  const rate = Math.round(latencies.length / seconds).toLocaleString("en");
  const [p50, p99] = [0.5, 0.99].map((share) => percentile(latencies, share).toFixed(2));
  const cpuUs = ((cpu.user + cpu.system) / latencies.length).toFixed(1);
  console.log(
    `accept full, ${String(concurrency).padStart(3)} in flight ${rate.padStart(8)}/s  p50 ${p50} p99 ${p99} ms  ${cpuUs} µs CPU  loop p50 ${loop[0]} p99 ${loop[1]} max ${loop[2]} ms`,
  );
}

async function measurePairs(): Promise<void> {
  const empty = {
    tasks: createEmptyTasks(),
    durability: "process",
    concurrency: inFlight,
    pairs: pairsPerRound,
  } as const;
  await runRound(empty);
  report("no store", await runRound(empty), "what the bench itself costs");
  await measure("process", inFlight, pairsPerRound);
  await measure("full", inFlight, pairsPerRound);
  await measure("process", 1, pairsPerRound / 10);
  await measure("full", 1, pairsPerRound / 40);
}

if (!isAcceptOnly) await measurePairs();
for (const concurrency of [1, 16, 64, 256]) await measureAccept(concurrency);
