import { z } from "zod";
import { readBoundedText } from "../../platform/bounded-file.ts";
import { type FoundSkill, noNeeds, toDescription, toSkillName } from "./found-skill.ts";
import { NeedFields, Needs } from "./front-matter.ts";
import { maxYamlLength, parseSimpleYaml } from "./simple-yaml.ts";

/** Skills that one file declares. */
const maxDeclared = 256;

const Declared = z.union([
  z.string().transform((name) => ({ name, description: undefined, requires: undefined })),
  z.strictObject({
    name: z.string(),
    description: z.string().optional(),
    requires: z.strictObject({ os: Needs.optional(), ...NeedFields }).optional(),
  }),
]);

const SkillsFile = z.strictObject({ skills: z.array(z.unknown()).nullable() });

interface DeclaredSkills {
  readonly skills: readonly FoundSkill[];
  /** One line for each thing in the file that is not understood. */
  readonly problems: readonly string[];
}

/** What a person has declared in `skills.yaml`; nothing when there is no such file. What is wrong is left out and told. */
export async function readSkillsFile(path: string): Promise<DeclaredSkills> {
  const read = await readBoundedText(path, { maxBytes: maxYamlLength, followsLinks: true });
  if ("problem" in read) {
    return { skills: [], problems: read.problem === "absent" ? [] : [`it is ${read.problem}`] };
  }
  return parseSkillsFile(read.text);
}

export function parseSkillsFile(text: string): DeclaredSkills {
  if (text.trim() === "") return { skills: [], problems: [] };
  const file = SkillsFile.safeParse(parseSimpleYaml(text));
  if (!file.success) return { skills: [], problems: ["it must be YAML with one list, skills"] };
  const skills: FoundSkill[] = [];
  const problems: string[] = [];
  const entries = file.data.skills ?? [];
  if (entries.length > maxDeclared) problems.push(`only the first ${maxDeclared} skills count`);
  for (const [index, entry] of entries.slice(0, maxDeclared).entries()) {
    const declared = Declared.safeParse(entry);
    const name = declared.success ? toSkillName(declared.data.name) : null;
    if (!declared.success || name === null) {
      problems.push(
        `skill ${index + 1} needs a name, and may have description and requires (os, bins, anyBins, env)`,
      );
      continue;
    }
    const { description, requires } = declared.data;
    skills.push({
      name,
      from: "file",
      description: toDescription(description),
      needs: {
        ...noNeeds,
        os: requires?.os ?? [],
        bins: requires?.bins ?? [],
        anyBins: requires?.anyBins ?? [],
        env: requires?.env ?? [],
        config: requires?.config ?? [],
      },
    });
  }
  return { skills, problems };
}
