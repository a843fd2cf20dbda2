import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { AcpAdapter } from "./adapter.ts";
import type { AgentLink } from "./agent-process.ts";

/** Longest wait for the end of a process whose connection has ended. */
const endWaitMs = 2_000;

/** How an agent has ended, in words that begin with a verb. The connection ends a moment before the process does. */
export async function describeEnd(
  { options }: Pick<AcpAdapter, "options">,
  link: AgentLink,
): Promise<string> {
  const otherwise = "closed its connection";
  return await waitAtMost(link.ended, { clock: options.clock, limitMs: endWaitMs, otherwise });
}
