/** A node agent as a process of its own, for tests that kill it: `bun agent-process.ts '<json options>'`. */

import { systemClock } from "../../src/platform/clock.ts";
import { createEchoRuntime } from "../../src/runtimes/echo/index.ts";
import { startTestAgent } from "./test-agent.ts";

interface AgentProcessOptions {
  readonly coordinatorUrl: string;
  readonly dataDir: string;
  readonly echoDelayMs: number;
}

if (import.meta.main) {
  const { echoDelayMs, ...options }: AgentProcessOptions = JSON.parse(process.argv[2] ?? "{}");
  const agent = await startTestAgent({
    ...options,
    runtimes: [createEchoRuntime({ clock: systemClock, delayMs: echoDelayMs })],
  });
  process.stdout.write("linked\n");
  const { reason } = await agent.done;
  process.stdout.write(`ended: ${reason}\n`);
}

/** Starts one; resolves when it is linked. */
export async function startAgentProcess(options: AgentProcessOptions) {
  const child = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(options)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  if (value === undefined) throw new Error("the agent process ended before it was linked");
  return {
    pid: child.pid,
    kill: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
