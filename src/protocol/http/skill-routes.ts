import { z } from "zod";
import { Skill, SkillDetail } from "../capability.ts";
import { NodeId } from "../ids.ts";
import { NodeStatus } from "../node.ts";
import { apiPrefix, route } from "./route.ts";

/** Nodes that one skill names of each kind, and skills of one answer. What is more is counted. */
export const maxSkillNodes = 100;
export const maxMeshSkills = 5_000;

/** Characters of one answer, as JSON, about; a client takes 64 MiB. What is more is counted. */
export const maxSkillsLength = 8 * 1024 * 1024;

/** One skill of the mesh: who has it, and who has it but cannot use it. */
export const MeshSkill = z.object({
  name: Skill,
  /** One line for people, of the first node that tells; null when none does. */
  description: z.string().nullable(),
  /** Nodes that can use it, by name; a tag of the same name counts. */
  nodes: z.array(z.object({ id: NodeId, name: z.string(), status: NodeStatus })),
  /** All of them; more than the list when it is cut. */
  node_count: z.int().min(0),
  /** Nodes on which it is present and lacks something. */
  unusable: z.array(
    z.object({ id: NodeId, name: z.string(), status: NodeStatus, missing: SkillDetail.shape.missing }),
  ),
  unusable_count: z.int().min(0),
});
export type MeshSkill = z.infer<typeof MeshSkill>;

export const skillRoutes = {
  listSkills: route({
    operationId: "listSkills",
    method: "GET",
    path: `${apiPrefix}/skills`,
    tag: "nodes",
    scopes: ["read"],
    summary: "What the nodes of the mesh can do, by name of the skill",
    query: z.strictObject({
      /** One skill alone, whatever its case. */
      name: Skill.optional(),
    }),
    status: 200,
    answer: z.object({
      skills: z.array(MeshSkill),
      /** Skills beyond the first 5,000 names, and beyond 8 MiB. */
      left_out: z.int().min(0),
    }),
    errors: [],
  }),
};
