/** The fault laboratory on the compiled executable: real processes, every kind of fault at least once. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FaultKind, LabReport } from "../../src/lab/index.ts";
import { runProgram, startProgram } from "../support/program.ts";
import { createTempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(90_000);

const envOf = (directory: string) => ({
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: directory,
  TMPDIR: directory,
});

const lab = (directory: string, ...args: readonly string[]) =>
  runProgram({ args: ["lab", ...args], cwd: directory, env: envOf(directory), timeoutMs: 85_000 });

/** The ids of processes that were started with this text in an argument. */
async function processesWith(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await Bun.file(`/proc/${pid}/cmdline`)
      .text()
      .catch(() => "");
    if (command.includes(text)) found.push(pid);
  }
  return found;
}

describe("claw-mesh lab", () => {
  test("accounts for every task under faults of every kind, and leaves nothing behind", async () => {
    await using directory = await createTempDir();
    const args = ["--nodes", "4", "--tasks", "600", "--chaos", "--seed", "11"];
    const result = await lab(directory.path, ...args, "--json", "--report", "report.json");
    const report = LabReport.parse(result.json());
    const found = Object.entries(report.findings).filter(([, { count }]) => count > 0);
    expect({ found, unclear: report.tasks.unclear }).toEqual({ found: [], unclear: 0 });
    expect(result.exitCode).toBe(0);
    expect(report.tasks).toMatchObject({ planned: 600, accepted: 600 });
    const { succeeded, failed, cancelled, expired } = report.tasks;
    expect(succeeded + failed + cancelled + expired).toBe(600);
    expect(succeeded).toBeGreaterThan(540);
    const leftOut = report.faults.left_out.map(({ kind }) => kind);
    const expected = FaultKind.options.filter((kind) => !leftOut.includes(kind));
    expect(Object.keys(report.faults.by_kind).sort()).toEqual([...expected].sort());
    expect(report.outages.count).toBeGreaterThan(0);
    expect(await Bun.file(join(directory.path, "report.json")).json()).toEqual(report);
    expect(await readdir(directory.path)).toEqual(["report.json"]);
    expect(await processesWith(directory.path)).toEqual([]);
  });

  test("injects the faults of a schedule, and prints the ledger", async () => {
    await using directory = await createTempDir();
    const plan = [
      { at_accepted: 40, kind: "kill-node", target: "lab-01", duration_ms: 200 },
      { at_accepted: 80, kind: "kill-coordinator", target: "coordinator", duration_ms: 0 },
    ];
    await Bun.write(join(directory.path, "faults.json"), JSON.stringify(plan));
    const args = ["--nodes", "2", "--tasks", "150", "--schedule", "faults.json", "--seed", "5"];
    const result = await lab(directory.path, ...args);
    expect(result.stderr).toContain("Seed 5; 2 faults planned");
    expect(result.stdout).toContain("2 of 2 injected: kill-node 1, kill-coordinator 1");
    expect(result.stdout).toMatch(/150 accepted, 150 accounted for\.\n$/);
    expect(result.exitCode).toBe(0);
  });

  test("ends what it started and removes its directory when it is interrupted", async () => {
    await using directory = await createTempDir();
    const args = ["lab", "--nodes", "2", "--tasks", "100000", "--rate", "50", "--seed", "1"];
    const program = startProgram({ args, cwd: directory.path, env: envOf(directory.path) });
    await program.waitForLine(/of 100000 accepted/, 30_000);
    expect((await processesWith(`${directory.path}/claw-mesh-lab-`)).length).toBe(3);
    const exit = await program.stop("SIGINT");
    expect(exit.code).not.toBe(0);
    await until(
      "all processes have ended",
      async () => (await processesWith(`${directory.path}/claw-mesh-lab-`)).length === 0,
    );
    expect(await readdir(directory.path)).toEqual([]);
  });

  test.each([
    [["--seed", "seven"], "is not a number"],
    [["--faults", "kill-nodes"], 'did you mean "kill-node"?'],
    [["--chaos", "--faults", "kill-node"], "choose one of --chaos, --faults and --schedule"],
    [["--nodes", "0"], "--nodes: choose 1 to 1000"],
    [["--nodes", "1000", "--tasks", "1000000", "--chaos"], "MiB of memory"],
    [["--schedule", "missing.json"], "cannot read the schedule missing.json"],
  ])("refuses %p in words", async (args, words) => {
    await using directory = await createTempDir();
    const result = await lab(directory.path, ...args);
    expect(result.stderr).toContain(words);
    expect(result.exitCode).toBe(2);
    expect(await readdir(directory.path)).toEqual([]);
  });
});
