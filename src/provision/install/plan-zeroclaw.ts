import { join } from "node:path";
import { findInstalled, zeroclawProgram } from "../installed-programs.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { downloadsDir } from "./install-places.ts";
import type { PlannedStep, ZeroclawPlan } from "./install-plan.ts";
import { isFile, previousProgram, readProgramLink } from "./place-program.ts";
import type { PlanRequest } from "./plan-openclaw.ts";
import { matchZeroclawRelease } from "./zeroclaw-release.ts";

/**
 * Runs `--version` of what it finds, nothing else.
 * @throws MeshError RUNTIME_UNSUPPORTED, USAGE
 */
export async function planZeroclaw(
  { version: asked, facts }: PlanRequest,
  deps: ProvisionDeps,
): Promise<ZeroclawPlan> {
  const found = await findInstalled("zeroclaw", deps);
  const release = matchZeroclawRelease(facts, { version: asked, env: deps.env });
  const version = release.tag.slice(1);
  const isThere = found?.version != null && isGoodEnough(found.version, version, asked);
  const archive = join(downloadsDir(deps.dataDir), `${release.tag}-${release.asset}`);
  const program = zeroclawProgram(deps.home);
  const skipped = isThere ? `ZeroClaw ${found.version} is installed: ${found.command.join(" ")}` : null;
  const hasOld = await isFile(program);
  const link = await readProgramLink(program);
  const steps: readonly PlannedStep[] = [
    { step: { do: "download", url: release.archiveUrl, to: archive }, skipped },
    { step: { do: "verify", file: archive, checksumsUrl: release.checksumsUrl }, skipped },
    { step: { do: "unpack", file: archive, program: "zeroclaw" }, skipped },
    ...(hasOld && !isThere
      ? [
          {
            step: { do: "keep_previous", from: program, to: previousProgram(program), link } as const,
            skipped,
          },
        ]
      : []),
    { step: { do: "place", to: program }, skipped },
  ];
  return { kind: "zeroclaw", version, release, archive, program, steps, installed: isThere ? found : null };
}

function isGoodEnough(there: string, wanted: string, asked: string | null): boolean {
  if (there === wanted) return true;
  return asked === null && Bun.semver.order(there, wanted) > 0;
}
