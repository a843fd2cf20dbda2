import { expect, test } from "bun:test";
import { within } from "../../../test/contract/runtime-subject.ts";
import { systemClock } from "../../platform/clock.ts";
import { silentLog } from "../../platform/log.ts";
import { createPipedProcesses } from "../../platform/piped-process.ts";
import { acpLimits } from "./acp-limits.ts";
import { attachAgent } from "./agent-process.ts";
import { noPermission } from "./permission-policy.ts";

test("an agent that never takes the end of its input is ended all the same", async () => {
  const processes = createPipedProcesses();
  const env = { PATH: process.env.PATH ?? "" };
  const piped = processes.start({ command: ["sleep", "300"], cwd: "/", env, stdin: "pipe" });
  const stuck = { ...piped, endInput: () => new Promise<void>(() => {}) };
  const agent = attachAgent(stuck, {
    clock: systemClock,
    log: silentLog,
    secrets: [],
    limits: { ...acpLimits, inputGraceMs: 50, killGraceMs: 50 },
    onUpdate: () => {},
    onPermission: () => noPermission,
  });
  await within(2_000, agent.stop());
  expect(await agent.ended).toBe("was stopped");
  processes.stop();
});
