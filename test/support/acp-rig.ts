/** `acp` runtimes for the tests of one file, with the agent of acp-process.ts or any other; a data directory for each test. */
import { afterAll, beforeEach } from "bun:test";
import { mkdtempSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLog } from "../../src/platform/log.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { type AcpOptions, createAcpRuntime } from "../../src/runtimes/acp/index.ts";
import type { RunOutcome, Runtime, RuntimeAttempt } from "../../src/runtimes/runtime.ts";
import { createAttempt, observeRun, within } from "../contract/runtime-subject.ts";

export const acpProgram = join(import.meta.dir, "acp-process.ts");

/** What the agent has as the key of its provider; it may appear nowhere. */
export const acpKey = "sk-acp-51c0ffee77";

export type AcpParts = Partial<Omit<AcpOptions, "settings">> & {
  /** `FAKE_ACP` of acp-process.ts. */
  readonly traits?: string;
  readonly settings?: Partial<AcpOptions["settings"]>;
};

/** Call it at the top of a test file. */
export function createAcpRig() {
  let dataDir = "";
  const dataDirs: string[] = [];
  const opened: Runtime[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "claw-mesh-acp-"));
    dataDirs.push(dataDir);
  });
  afterAll(async () => {
    await Promise.all(opened.map((runtime) => runtime.close()));
    await Promise.all(dataDirs.map((folder) => rm(folder, { recursive: true, force: true })));
  });

  const create = ({ traits = "", settings = {}, ...parts }: AcpParts = {}): Runtime => {
    const runtime = createAcpRuntime({
      settings: {
        kind: "acp",
        command: [process.execPath, acpProgram],
        cwd: null,
        env: { PROVIDER_API_KEY: new Secret(acpKey), FAKE_ACP: new Secret(traits) },
        approvals: "deny",
        ...settings,
      },
      clock: systemClock,
      log: silentLog,
      dataDir,
      env: process.env,
      ...parts,
    });
    opened.push(runtime);
    return runtime;
  };
  const workFile = (name: string) => join(dataDir, "runtimes", "acp", "work", name);
  const events = async () =>
    (await readFile(workFile("fake-events.txt"), "utf8").catch(() => "")).split("\n");
  return {
    dataDir: () => dataDir,
    create,
    sh: (script: string, parts: AcpParts = {}) =>
      create({ ...parts, settings: { ...parts.settings, command: ["sh", "-c", script] } }),
    say: (runtime: Runtime, content: string, parts: Partial<RuntimeAttempt> = {}) =>
      within(15_000, observeRun(runtime, createAttempt(content, parts)).outcome),
    textOf: (outcome: RunOutcome) => (outcome.kind === "succeeded" ? outcome.text : JSON.stringify(outcome)),
    reasonOf: async (runtime: Runtime) => (await within(3_500, runtime.probe())).status.reason ?? "none",
    /** In the folder that the agent works in. */
    workFile,
    /** What the agent has noted. */
    events,
    countEvents: async (event: string) => (await events()).filter((line) => line.startsWith(event)).length,
  };
}
