import { jsonAnswer } from "../http/answers.ts";
import type { Handlers } from "../http/http-server.ts";

/** What the mesh can do. */
export function createSkillRoutes(): Pick<Handlers, "listSkills"> {
  return { listSkills: () => jsonAnswer(200, { skills: [] }) };
}
