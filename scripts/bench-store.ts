import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TaskChange } from "../src/domain/tasks/task.ts";
import { systemClock } from "../src/platform/clock.ts";
import { systemIds } from "../src/platform/ids.ts";
import type { NodeId } from "../src/protocol/ids.ts";
import type { Commit } from "../src/store/sqlite/committer.ts";
import { createSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Durability, Store } from "../src/store/store.ts";
import {
  createSampleAttempt,
  createSampleRunningTask,
  sampleTimeMs,
} from "../test/support/store/sample-tasks.ts";

/**
 * What the store costs a synchronous message: `accept` with its first attempt and decision, then `change` to succeeded.
 * Usage: bun scripts/bench-store.ts [pairs per round]
 */
const inFlight = 64;
const rounds = 3;
const pairsPerRound = Number(process.argv[2] ?? 40_000);

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

async function passMessages(store: Store, durability: Durability, count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) {
    const task = createSampleRunningTask(nodeId);
    await store.tasks.accept(task, durability);
    await store.tasks.change(task.message.id, { attempt: 1 }, finishOf(nodeId), durability);
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
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
  await Promise.all(Array.from({ length: concurrency }, () => passMessages(store, durability, 20)));
  for (let round = 0; round < rounds; round += 1) {
    commits.length = 0;
    const cpuBefore = process.cpuUsage();
    const startedAtMs = performance.now();
    const each = Math.ceil(pairs / concurrency);
    await Promise.all(Array.from({ length: concurrency }, () => passMessages(store, durability, each)));
    const wallMs = performance.now() - startedAtMs;
    const cpu = process.cpuUsage(cpuBefore);
    const done = each * concurrency;
    const durations = commits.map((commit) => commit.durationMs).sort((left, right) => left - right);
    console.log(
      `${durability.padEnd(7)} ${String(concurrency).padStart(3)} in flight: ` +
        `${Math.round((done * 1000) / wallMs).toLocaleString("en")} pairs/s, ` +
        `${((wallMs * 1000) / done).toFixed(1)} µs wall, ${((cpu.user + cpu.system) / done).toFixed(1)} µs CPU; ` +
        `commit p50 ${percentile(durations, 0.5).toFixed(2)} p99 ${percentile(durations, 0.99).toFixed(2)} ` +
        `max ${percentile(durations, 1).toFixed(1)} ms`,
    );
  }
  await store.close();
  rmSync(directory, { recursive: true });
}

await measure("process", inFlight, pairsPerRound);
await measure("full", inFlight, pairsPerRound);
await measure("process", 1, pairsPerRound / 10);
await measure("full", 1, pairsPerRound / 40);
