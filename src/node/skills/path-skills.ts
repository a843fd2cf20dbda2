import { access } from "node:fs/promises";
import { join } from "node:path";
import { findOnPath, type PathLookup } from "../../platform/path-lookup.ts";
import { skillTable } from "../skill-table.ts";
import { type FoundSkill, noNeeds } from "./found-skill.ts";

export interface ProgramLookup extends PathLookup {
  readonly platform: NodeJS.Platform;
  /** Where the file system begins; default `/`. */
  readonly root?: string;
}

/** Which of these programs, and of the table's, can be started here. */
export async function findPrograms(
  names: readonly string[],
  lookup: ProgramLookup,
): Promise<ReadonlySet<string>> {
  const wanted = new Set([...skillTable.flatMap(({ anyOf }) => anyOf), ...names]);
  const programs = await findOnPath([...wanted], lookup);
  const usable = new Set<string>();
  await Promise.all(
    [...programs].map(async ([name, path]) => {
      const isStub = lookup.platform === "darwin" && (await isEmptyStub(name, path, lookup.root ?? "/"));
      if (!isStub) usable.add(name);
    }),
  );
  return usable;
}

/** The skills of the table that these programs give. */
export function pathSkills(programs: ReadonlySet<string>): readonly FoundSkill[] {
  return skillTable
    .filter(({ anyOf }) => anyOf.some((name) => programs.has(name)))
    .map(({ skill }) => ({ name: skill, from: "path", description: null, needs: noNeeds }));
}

/** Where macOS keeps what its stubs in /usr/bin start; `{name}` is the program. */
const developerPrograms = [
  "var/db/xcode_select_link/usr/bin/{name}",
  "Applications/Xcode.app/Contents/Developer/usr/bin/{name}",
  "Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/bin/{name}",
  "Library/Developer/CommandLineTools/usr/bin/{name}",
];

const developerStubs = new Set(["clang++", "g++", "git", "make", "python3", "swift", "xcodebuild"]);
const javaStubs = new Set(["java", "javac"]);

/** macOS has stubs in /usr/bin that only offer to install the program they are named after. */
async function isEmptyStub(name: string, path: string, root: string): Promise<boolean> {
  if (path !== join(root, "usr/bin", name)) return false;
  if (javaStubs.has(name)) return !(await isThere(join(root, "Library/Java/JavaVirtualMachines")));
  if (!developerStubs.has(name)) return false;
  const programs = developerPrograms.map((pattern) => join(root, pattern.replace("{name}", name)));
  return !(await Promise.all(programs.map(isThere))).includes(true);
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
