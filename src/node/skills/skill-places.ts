import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { OpenclawPlaces } from "../../platform/openclaw-paths.ts";

/** Agents of one ZeroClaw whose workspaces are looked into. */
const maxAgents = 32;

/**
 * Folders in which runtimes of this machine keep skills, those first that OpenClaw lets win: its workspace's, this user's,
 * its own; then ZeroClaw's, then those of `~/.claude`.
 */
export async function findSkillPlaces(
  home: string,
  openclaw: OpenclawPlaces,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const zeroclaw = env.ZEROCLAW_CONFIG_DIR || env.ZEROCLAW_DATA_DIR || join(home, ".zeroclaw");
  const agents = await readdir(join(zeroclaw, "agents")).catch((): readonly string[] => []);
  const places = [
    ...openclaw.workspaces.flatMap((workspace) => [
      join(workspace, "skills"),
      join(workspace, ".agents", "skills"),
    ]),
    join(home, ".agents", "skills"),
    join(openclaw.stateDir, "skills"),
    join(zeroclaw, "shared", "skills"),
    ...agents.slice(0, maxAgents).map((agent) => join(zeroclaw, "agents", agent, "workspace", "skills")),
    join(home, ".claude", "skills"),
  ];
  return [...new Set(places)];
}
