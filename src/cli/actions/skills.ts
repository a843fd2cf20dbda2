import { Skill } from "../../protocol/capability.ts";
import { MeshError } from "../../protocol/errors.ts";
import { contract } from "../../protocol/http/contract.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printResult } from "../print.ts";
import { renderSkill, renderSkills } from "../render/skills.ts";

/** All skills of the mesh, or one of them. */
export async function listSkills(this: CliContext, _flags: object, name?: string): Promise<void> {
  const { client } = await connect(this);
  // A coordinator that does not know the question answers with all of them.
  const asked = Skill.safeParse(name);
  const query = asked.success ? { name: asked.data } : {};
  const answer = await client.call(contract.listSkills, { query }, { signal: this.interrupt });
  const { texts, stdout: output } = this;
  if (name === undefined) {
    printResult(this, answer, () => renderSkills(answer, texts, output));
    return;
  }
  const skill = answer.skills.find((one) => one.name.toLowerCase() === name.trim().toLowerCase());
  if (skill === undefined) {
    throw new MeshError("NO_NODE_FITS", texts.skills.notFound(name), { hint: texts.skills.notFoundHint });
  }
  printResult(this, skill, () => renderSkill(skill, texts));
}
