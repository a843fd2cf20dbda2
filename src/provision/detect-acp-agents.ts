import { type AcpAgent, acpAgents } from "./acp-agents.ts";
import { type DetectDeps, findPrograms } from "./detect-deps.ts";
import type { DetectedRuntime } from "./detected-runtime.ts";
import { readProgramVersion, shownVersionLimitMs } from "./program-version.ts";

/** Gateways of this machine, as far as agents depend on them. */
interface Gateways {
  readonly openclaw: DetectedRuntime | null;
  readonly zeroclaw: DetectedRuntime | null;
}

/** Agents of the table whose programs are there, in its order. Whether one is logged in shows only when it is started. */
export async function detectAcpAgents(
  deps: DetectDeps,
  gateways: Promise<Gateways>,
): Promise<readonly DetectedRuntime[]> {
  const names = acpAgents.flatMap(({ program, without }) => [program, ...(without ? [without.program] : [])]);
  const programs = await findPrograms(names, deps);
  const found = await Promise.all(
    acpAgents.map(async (agent): Promise<DetectedRuntime | null> => {
      const program = programs.get(agent.program);
      if (program === undefined) return toMissingBridge(agent, programs);
      const [version, judgement] = await Promise.all([
        agent.tellsVersion && deps.asksVersions !== false
          ? readProgramVersion([program], { ...deps, limitMs: shownVersionLimitMs })
          : null,
        judge(agent, gateways),
      ]);
      const command = [program, ...agent.args];
      return { ...toFound(agent, program), version, command, ...judgement };
    }),
  );
  return found.filter((runtime) => runtime !== null);
}

function toFound(agent: AcpAgent, program: string) {
  return {
    kind: "acp",
    product: agent.product,
    version: null,
    program,
    endpoint: null,
    token: null,
    foundBy: `program ${program}`,
    ...(agent.needs === undefined ? {} : { leadsTo: agent.needs }),
  } as const;
}

/** The agent's own command line is here, and what would make it talk to others is not. */
function toMissingBridge(agent: AcpAgent, programs: ReadonlyMap<string, string>): DetectedRuntime | null {
  const program = agent.without === undefined ? undefined : programs.get(agent.without.program);
  if (agent.without === undefined || program === undefined) return null;
  const message = `${agent.without.program} is here without ${agent.program}, by which other programs talk to it`;
  return {
    ...toFound(agent, program),
    command: null,
    state: "not_ready",
    problem: { message, remedy: agent.without.remedy },
  };
}

async function judge(
  { needs }: AcpAgent,
  gateways: Promise<Gateways>,
): Promise<Pick<DetectedRuntime, "state" | "problem">> {
  if (needs === undefined) return { state: "ready", problem: null };
  const gateway = (await gateways)[needs];
  const isUsable = needs === "openclaw" ? gateway?.state === "ready" : gateway?.endpoint != null;
  if (isUsable) return { state: "ready", problem: null };
  const fallback = { message: "it was never set up", remedy: `claw-mesh runtime install ${needs}` };
  return {
    state: gateway?.state === "not_ready" ? "not_ready" : "stopped",
    problem: gateway?.problem ?? fallback,
  };
}
