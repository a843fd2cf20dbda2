import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { Machine, TestMesh } from "../mesh-process.ts";
import type { CommandResult, Program } from "../program.ts";
import type { SecretName, SurfaceName } from "./cast.ts";
import { dumpDatabase, type Evidence, readTree, surfaceOfFile } from "./evidence.ts";

export interface Stage {
  readonly mesh: TestMesh;
  readonly evidence: Evidence<SurfaceName>;
  readonly secrets: Map<SecretName, string>;
  /** What every machine's shell exports. */
  readonly env: Readonly<Record<string, string>>;
}

export const get = (stage: Stage, name: SecretName) => stage.secrets.get(name) ?? "";

export function keepCommand(
  stage: Stage,
  surface: SurfaceName,
  args: readonly string[],
  result: CommandResult,
): void {
  stage.evidence.add(surface, args.join(" ").slice(0, 60), `${result.stdout}\n${result.stderr}\n`);
}

export function keepProgram({ evidence }: Stage, program: Program, surface: SurfaceName): void {
  evidence.add(surface, `standard error of ${program.pid}`, program.stderr());
  const isHub = surface.startsWith("the coordinator's");
  evidence.add(
    isHub ? "standard output of the coordinator" : surface,
    `standard output of ${program.pid}`,
    `${program.stdout()}.`,
  );
}

export async function keepProcesses({ evidence }: Stage, programs: readonly Program[]): Promise<void> {
  for (const { pid } of programs) {
    evidence.add("command lines of the processes", String(pid), await readFile(`/proc/${pid}/cmdline`));
    evidence.add("environments of the processes", String(pid), await readFile(`/proc/${pid}/environ`));
  }
}

/** The state directory by kinds of files, and whatever else lies around on the machine. */
export async function keepFiles({ evidence }: Stage, { home }: Machine): Promise<void> {
  const state = join(home, ".claw-mesh");
  await mkdir(state, { recursive: true });
  for (const { path, content } of await readTree(dirname(home))) {
    if (path.endsWith("claw-mesh.yaml")) continue;
    if (!path.startsWith(`${home}/`)) {
      // Other machines' state and working directories are kept with those machines.
      const folders = relative(dirname(home), dirname(path)).split(sep);
      if (!folders.includes(".claw-mesh") && !folders.includes("work"))
        evidence.add("files left in the working and temporary directories", path, content);
      continue;
    }
    const surface = path.startsWith(state)
      ? surfaceOfFile(path.slice(state.length))
      : "files left in the working and temporary directories";
    evidence.add(surface, path, Buffer.concat([content, Buffer.from(`\n${path}\n`)]));
    if (path.endsWith("mesh.db")) evidence.add("tables of mesh.db", path, await dumpDatabase(path));
    if (path.endsWith("journal.db")) evidence.add("tables of journal.db", path, await dumpDatabase(path));
  }
}
