/**
 * `make bench`: measures the executable as users run it (coordinator, node and load as processes of their own) beside a
 * bare echo over the same kind of link, in alternating rounds of the same run. Prints a table and writes
 * bench-results.json. Absolute figures depend on the machine and on what else it does; the ratios travel better.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadPlan, LoadResult } from "./bench/load.ts";
import { type BenchProcess, start } from "./bench/processes.ts";

const binary = join(import.meta.dir, "..", "bin", "claw-mesh");
const rounds = 3;
const secondsPerRound = 3;
const warmUpSeconds = 3;
const token = "benchbenchbenchbenchbenchbenchbe";

type Measured = LoadResult & { readonly cpu_us_per_message: number | null };

/** Tasks that are accepted while no node is there to take them: fewer than may wait. */
const acceptedTasks = 9_000;
/** Tasks that are accepted and done. */
const doneTasks = 30_000;
const warmUpTasks = 10_000;
const donePollMs = 10;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function load(plan: Omit<LoadPlan, "token">): Promise<LoadResult> {
  const script = join(import.meta.dir, "bench", "load.ts");
  const child = Bun.spawn([process.execPath, script, JSON.stringify({ ...plan, token })], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const result = JSON.parse(await new Response(child.stdout).text()) as LoadResult;
  if (result.failures > 0) throw new Error(`${result.failures} of ${result.messages} messages failed`);
  return result;
}

function route(port: number, connections: number, seconds: number): Promise<LoadResult> {
  return load({ port, connections, seconds, path: "/api/v1/route", status: 200 });
}

/** With the CPU that the coordinator took for it. */
async function withCpu(coordinator: BenchProcess, run: () => Promise<LoadResult>): Promise<Measured> {
  const before = coordinator.cpuUs();
  const result = await run();
  const after = coordinator.cpuUs();
  const cpu = before === null || after === null ? null : (after - before) / result.messages;
  return { ...result, cpu_us_per_message: cpu };
}

function summarize(rounds: readonly Measured[]): Measured {
  const of = (pick: (one: Measured) => number | null) => median(rounds.map((one) => pick(one) ?? Number.NaN));
  return {
    messages: rounds.reduce((sum, one) => sum + one.messages, 0),
    failures: 0,
    refused: 0,
    per_second: of((one) => one.per_second),
    p50_ms: of((one) => one.p50_ms),
    p99_ms: of((one) => one.p99_ms),
    cpu_us_per_message: of((one) => one.cpu_us_per_message),
  };
}

/** Milliseconds from start to exit of a command. */
async function timeCommand(args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await Bun.spawn([binary, ...args], { stdout: "ignore", stderr: "ignore" }).exited;
  return performance.now() - startedMs;
}

async function timeVersion(): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 20; run += 1) times.push(await timeCommand(["--version"]));
  return median(times);
}

function up(home: string, name: string): BenchProcess {
  const dataDir = join(home, name);
  const args = [
    "up",
    "--no-local",
    "--host",
    "127.0.0.1",
    "--port",
    "0",
    "--token",
    token,
    "--data-dir",
    dataDir,
  ];
  return start([binary, ...args], { CLAW_MESH_HOME: home });
}

async function portOf(coordinator: BenchProcess): Promise<number> {
  return Number((await coordinator.line(/listening on :(\d+)/))[1]);
}

async function timeReady(home: string): Promise<{ readyMs: number; idleMb: number | null }> {
  const times: number[] = [];
  let idleMb: number | null = null;
  for (let run = 0; run < 5; run += 1) {
    const startedMs = performance.now();
    await using coordinator = up(home, `ready-${run}`);
    const port = await portOf(coordinator);
    await fetch(`http://127.0.0.1:${port}/readyz`);
    times.push(performance.now() - startedMs);
    await Bun.sleep(1500);
    idleMb = coordinator.residentMb();
  }
  return { readyMs: median(times), idleMb };
}

async function decisionFigures(): Promise<unknown> {
  const script = join(import.meta.dir, "bench-decision.ts");
  const child = Bun.spawn([process.execPath, script, "--json"], { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text());
}

async function messageFigures(home: string) {
  await using coordinator = up(home, "mesh");
  const port = await portOf(coordinator);
  const url = `http://127.0.0.1:${port}`;
  const join_ = ["join", url, "--token", token, "--name", "bench", "--no-gateway", "--slots", "256"];
  await using node = start([binary, ...join_, "--data-dir", join(home, "node")], { CLAW_MESH_HOME: home });
  await node.line(/registered as node/);

  await using bare = start([process.execPath, join(import.meta.dir, "bench", "bare-coordinator.ts")]);
  const barePort = await portOf(bare);
  await using _bareNode = start([
    process.execPath,
    join(import.meta.dir, "bench", "bare-node.ts"),
    String(barePort),
  ]);
  await bare.line(/linked/);

  const targets = { mesh: { port, coordinator }, bare: { port: barePort, coordinator: bare } };
  await route(port, 64, warmUpSeconds);
  await route(barePort, 64, 1);
  const results: Record<string, Measured> = {};
  for (const connections of [64, 1]) {
    const mesh: Measured[] = [];
    const bareRounds: Measured[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const [target, figures] of [
        [targets.mesh, mesh],
        [targets.bare, bareRounds],
      ] as const) {
        figures.push(
          await withCpu(target.coordinator, () => route(target.port, connections, secondsPerRound)),
        );
      }
    }
    results[`mesh_${connections}`] = summarize(mesh);
    results[`bare_${connections}`] = summarize(bareRounds);
  }
  return { results, loadedMb: coordinator.residentMb() };
}

/**
 * Durable tasks: how fast they are accepted and done with a node, and, once that has left, how fast they are accepted
 * alone, each after its full commit.
 */
async function taskFigures(home: string) {
  const accepted: Measured[] = [];
  const done: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using coordinator = up(home, `tasks-${round}`);
    const port = await portOf(coordinator);
    const add = (count: number) => load({ port, connections: 64, count, path: "/api/v1/tasks", status: 202 });
    {
      const joining = ["join", `http://127.0.0.1:${port}`, "--token", token, "--name", "bench"];
      const dataDir = join(home, `tasks-node-${round}`);
      await using node = start(
        [binary, ...joining, "--no-gateway", "--slots", "256", "--data-dir", dataDir],
        {
          CLAW_MESH_HOME: home,
        },
      );
      await node.line(/registered as node/);
      await add(warmUpTasks);
      await untilDone(port);
      const startedMs = performance.now();
      await add(doneTasks);
      await untilDone(port);
      done.push(doneTasks / ((performance.now() - startedMs) / 1000));
    }
    accepted.push(await withCpu(coordinator, () => add(acceptedTasks)));
  }
  return { accepted: summarize(accepted), donePerSecond: median(done) };
}

/** Waits until no task is queued or running. */
async function untilDone(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/api/v1/tasks?state=queued,running&limit=1`;
  for (;;) {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const page = (await response.json()) as { tasks: readonly unknown[] };
    if (page.tasks.length === 0) return;
    await Bun.sleep(donePollMs);
  }
}

interface Row {
  readonly what: string;
  readonly value: number | null;
  readonly unit: string;
  readonly budget: string;
  readonly isMet: boolean | null;
}

function row(
  what: string,
  value: number | null | undefined,
  unit: string,
  limit?: { max?: number; min?: number },
): Row {
  const known = value === null || value === undefined || Number.isNaN(value) ? null : value;
  const budget =
    limit?.max !== undefined ? `≤ ${limit.max}` : limit?.min !== undefined ? `≥ ${limit.min}` : "";
  const isMet =
    limit === undefined || known === null
      ? null
      : known <= (limit.max ?? Number.POSITIVE_INFINITY) && known >= (limit.min ?? Number.NEGATIVE_INFINITY);
  return { what, value: known, unit, budget, isMet };
}

function print(rows: readonly Row[]): void {
  const cells = rows.map(({ what, value, unit, budget, isMet }) => [
    what,
    value === null ? "–" : value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 3),
    unit,
    budget,
    isMet === null ? "" : isMet ? "met" : "NOT MET",
  ]);
  const header = ["what", "value", "unit", "budget", ""];
  const widths = header.map((title, at) =>
    Math.max(title.length, ...cells.map((line) => (line[at] ?? "").length)),
  );
  for (const line of [header, ...cells]) {
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
}

async function main(): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "claw-mesh-bench-"));
  try {
    const versionMs = await timeVersion();
    const { readyMs, idleMb } = await timeReady(home);
    const { results, loadedMb } = await messageFigures(home);
    const tasks = await taskFigures(home);
    const decision = await decisionFigures();
    const { mesh_64, bare_64, mesh_1, bare_1 } = results;
    const ratio = (mesh_64?.per_second ?? Number.NaN) / (bare_64?.per_second ?? Number.NaN);
    const rows = [
      row("route, 64 connections", mesh_64?.per_second, "messages/s"),
      row("  p50", mesh_64?.p50_ms, "ms"),
      row("  p99", mesh_64?.p99_ms, "ms"),
      row("  p99 / p50", (mesh_64?.p99_ms ?? Number.NaN) / (mesh_64?.p50_ms ?? Number.NaN), "×", { max: 4 }),
      row("  coordinator CPU", mesh_64?.cpu_us_per_message, "µs/message", { max: 35 }),
      row("bare echo, 64 connections", bare_64?.per_second, "messages/s"),
      row("  p50", bare_64?.p50_ms, "ms"),
      row("  coordinator CPU", bare_64?.cpu_us_per_message, "µs/message"),
      row("route / bare echo", ratio, "×", { min: 0.45 }),
      row("route, 1 connection, p50", mesh_1?.p50_ms, "ms"),
      row("bare echo, 1 connection, p50", bare_1?.p50_ms, "ms"),
      row("  added by the mesh", (mesh_1?.p50_ms ?? Number.NaN) - (bare_1?.p50_ms ?? Number.NaN), "ms", {
        max: 0.3,
      }),
      row("tasks accepted (202)", tasks.accepted.per_second, "tasks/s", { min: 20_000 }),
      row("  p50", tasks.accepted.p50_ms, "ms"),
      row("  p99", tasks.accepted.p99_ms, "ms"),
      row("  coordinator CPU", tasks.accepted.cpu_us_per_message, "µs/task"),
      row("tasks accepted and done", tasks.donePerSecond, "tasks/s", { min: 10_000 }),
      row("claw-mesh --version", versionMs, "ms", { max: 20 }),
      row("coordinator ready", readyMs, "ms", { max: 250 }),
      row("coordinator idle, resident", idleMb, "MB", { max: 60 }),
      row("coordinator after the load", loadedMb, "MB"),
      row("executable", statSync(binary).size / 1e6, "MB"),
    ];
    print(rows);
    console.log("\nrouting decision:");
    console.log(JSON.stringify(decision, null, 2));
    await Bun.write("bench-results.json", `${JSON.stringify({ rows, results, tasks, decision }, null, 2)}\n`);
    console.log("\nwritten: bench-results.json");
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

await main();
process.exit(0);
