import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { RuntimeProbe } from "../runtime.ts";
import { tidyLine } from "../tidy-line.ts";
import type { AcpAdapter } from "./adapter.ts";
import type { KeptAgent } from "./agent-keeper.ts";
import { matchRequestError } from "./agent-outcome.ts";
import type { AgentLink } from "./agent-process.ts";

/** Of a version on the wire. */
const maxVersionLength = 128;

/** Starts the agent when it does not run, and asks for nothing that costs. Never rejects. */
export async function probeAgent(adapter: AcpAdapter): Promise<RuntimeProbe> {
  const { clock } = adapter.options;
  const { probeMs } = adapter.limits;
  const stop = new AbortController();
  const cancelLimit = clock.after(probeMs, () => stop.abort());
  try {
    const problem = await adapter.findProblem();
    if (problem !== null) return toProbe(adapter, problem, null);
    if (adapter.login.isDue()) await checkLogin(adapter, stop.signal);
    const kept = await adapter.keeper.reach(stop.signal);
    return toProbe(adapter, describeProblem(adapter, kept), kept.kind === "running" ? kept.link : null);
  } finally {
    cancelLimit();
  }
}

/** With a new process: somebody may have logged in since the old one was started. */
async function checkLogin(adapter: AcpAdapter, signal: AbortSignal): Promise<void> {
  const { keeper, limits, login, location, options } = adapter;
  const old = keeper.state();
  if (adapter.turns.size > 0) return;
  if (old.kind === "running")
    await keeper.kill(old.link, "was started again to see whether somebody has logged in");
  keeper.praise();
  const kept = await keeper.reach(signal);
  if (kept.kind !== "running") return;
  const check = login.check(kept.link).catch((error: unknown) => {
    // Whatever else it answers, the next message will meet it, too.
    const failure = matchRequestError(error, { location, wantsLogin: true });
    if (failure?.kind === "auth") login.noteRefused(kept.link);
  });
  await waitAtMost(check, { clock: options.clock, limitMs: limits.probeMs / 3, otherwise: undefined });
}

function describeProblem({ location, login, options }: AcpAdapter, kept: KeptAgent): string | null {
  switch (kept.kind) {
    case "starting":
      return `${location} is starting${kept.said === null ? "" : `; it wrote: ${kept.said}`}`;
    case "down":
      return `${location} ${kept.reason}; it is started again ${describeWait(kept.retryInMs)}`;
    case "running": {
      const ways = login.wanted();
      if (ways === null) return null;
      const offer = ways.length === 0 ? "" : `, which it offers by ${ways.join(", ")}`;
      return `${location} wants somebody to log in${offer}; start ${options.settings.command[0]} as the user of the node agent, and log in there`;
    }
    default:
      return kept satisfies never;
  }
}

function describeWait(retryInMs: number): string {
  return retryInMs === 0 ? "when it is asked next" : `in ${Math.ceil(retryInMs / 1000)} s`;
}

function toProbe({ secrets }: AcpAdapter, reason: string | null, link: AgentLink | null): RuntimeProbe {
  const version = link?.info.version ?? null;
  return {
    status: {
      kind: "acp",
      version: version === null ? null : tidyLine(version, secrets).slice(0, maxVersionLength),
      ready: reason === null,
      reason: reason === null ? null : tidyLine(reason, secrets),
      active: null,
      queued: null,
    },
    slots: null,
  };
}
