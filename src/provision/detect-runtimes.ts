import { detectAcpAgents } from "./detect-acp-agents.ts";
import type { DetectDeps } from "./detect-deps.ts";
import { detectOpenaiServers } from "./detect-openai-servers.ts";
import { detectOpenclaw } from "./detect-openclaw.ts";
import { detectZeroclaw } from "./detect-zeroclaw.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";

/**
 * Every runtime of this machine, in the order in which a node prefers them. Asks loopback only, everything at once, each
 * address for 3 s at most; starts nothing but known programs with `--version`. Never rejects.
 */
export async function detectRuntimes(deps: DetectDeps): Promise<readonly DetectedRuntime[]> {
  const openclaw = detectOpenclaw(deps);
  const zeroclaw = detectZeroclaw(deps);
  const gateways = Promise.all([openclaw, zeroclaw]).then(([first, second]) => ({
    openclaw: first,
    zeroclaw: second,
  }));
  const [found, agents, servers] = await Promise.all([
    gateways,
    detectAcpAgents(deps, gateways),
    detectOpenaiServers(deps),
  ]);
  return [found.openclaw, found.zeroclaw, ...agents, ...servers].filter((runtime) => runtime !== null);
}
