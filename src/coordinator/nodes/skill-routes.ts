import type { Clock } from "../../platform/clock.ts";
import type { Handlers } from "../http/http-server.ts";
import { gatherMeshSkills } from "./mesh-skills.ts";
import type { NodeRegistry } from "./registry.ts";

/** Longest time that a list of all skills is given again; sooner when a node has changed. */
const keptMs = 1_000;

interface SkillRouteDeps {
  readonly registry: Pick<NodeRegistry, "nodes" | "revision">;
  readonly clock: Clock;
}

/** What the mesh can do. Like the list of nodes it shows all of them, also to a token that is limited to groups. */
export function createSkillRoutes({ registry, clock }: SkillRouteDeps): Pick<Handlers, "listSkills"> {
  let kept: {
    readonly answer: ReturnType<typeof gatherMeshSkills>;
    readonly revision: number;
    readonly untilMs: number;
  } | null = null;
  return {
    listSkills: ({ query }) => {
      const { nodes } = registry;
      if (query.name !== undefined) return gatherMeshSkills(nodes, { name: query.name });
      const nowMs = clock.monotonicMs();
      const revision = registry.revision();
      if (kept === null || kept.revision !== revision || kept.untilMs <= nowMs) {
        kept = { answer: gatherMeshSkills(nodes), revision, untilMs: nowMs + keptMs };
      }
      return kept.answer;
    },
  };
}
