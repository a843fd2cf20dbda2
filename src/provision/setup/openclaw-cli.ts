import { z } from "zod";
import { MeshError } from "../../protocol/errors.ts";
import { redactText } from "../../protocol/redact-text.ts";
import { readJson } from "../../runtimes/bounded-body.ts";
import type { InstalledProgram } from "../installed-program.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import type { OpenclawPlaces } from "./openclaw-places.ts";
import { runProgram } from "./run-program.ts";

export interface OpenclawCli {
  readonly program: InstalledProgram;
  readonly places: OpenclawPlaces;
  readonly deps: ProvisionDeps;
}

/** OpenClaw merges it and checks the whole; comments go, and are in the copy. */
export async function patchConfig(
  patch: Readonly<Record<string, unknown>>,
  { program, places, deps }: OpenclawCli,
): Promise<void> {
  const { code, stderr } = await runProgram({
    program,
    args: ["config", "patch", "--stdin"],
    env: deps.env,
    cwd: deps.home,
    clock: deps.clock,
    input: JSON.stringify(patch),
  });
  if (code !== 0) throw refused(places.configPath, firstLine(stderr) ?? "openclaw config patch failed");
}

const Validation = z.object({
  valid: z.boolean(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** What OpenClaw itself says against its configuration, on one line; null: nothing. */
export async function findIssue({ program, deps }: OpenclawCli): Promise<string | null> {
  const { env, home, clock } = deps;
  const args = ["config", "validate", "--json"];
  const { code, stdout, stderr } = await runProgram({ program, args, env, cwd: home, clock });
  if (code === 0) return null;
  const answer = Validation.safeParse(readJson(stdout));
  const issue = answer.success ? answer.data.issues?.[0] : undefined;
  if (issue !== undefined) return `${issue.path}: ${issue.message}`;
  return firstLine(stderr) ?? "openclaw config validate failed";
}

export function refused(path: string, issue: string): MeshError {
  const reason = redactText(issue).replaceAll(/\s+/g, " ").slice(0, 400);
  return new MeshError("RUNTIME_START_FAILED", `OpenClaw refuses its configuration ${path}: ${reason}`, {
    hint: "Mend the file, or run: openclaw doctor --fix; then try again.",
  });
}

function firstLine(text: string): string | null {
  const line = text.split("\n").find((line) => line.trim() !== "");
  return line === undefined ? null : line.trim();
}
