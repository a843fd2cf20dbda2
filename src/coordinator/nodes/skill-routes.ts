import type { Handlers } from "../http/http-server.ts";
import { gatherMeshSkills } from "./mesh-skills.ts";
import type { NodeRegistry } from "./registry.ts";

/** What the mesh can do. Like the list of nodes it shows all of them, also to a token that is limited to groups. */
export function createSkillRoutes(registry: Pick<NodeRegistry, "nodes">): Pick<Handlers, "listSkills"> {
  return { listSkills: () => gatherMeshSkills(registry.nodes) };
}
