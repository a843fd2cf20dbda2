import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import type { InstalledProgram } from "../installed-program.ts";
import { isSameVersion } from "../program-version.ts";
import type { ProvisionDeps } from "../provision-deps.ts";
import { downloadFile, fetchReleaseText, forgetDownload } from "./download.ts";
import { withFileFailures } from "./file-failure.ts";
import { readFirstVersion } from "./install-environment.ts";
import type { ZeroclawPlan } from "./install-plan.ts";
import { saveInstallRecord } from "./install-record.ts";
import { createDraft, isFile, keepPrevious, placeProgram } from "./place-program.ts";
import type { StepReporter } from "./step-reporter.ts";
import { unpackProgram } from "./unpack-program.ts";
import { findChecksum } from "./zeroclaw-release.ts";

/** An archive has about 26 MB. */
const maxArchiveBytes = 256 * 1024 * 1024;
const maxChecksumBytes = 256 * 1024;

type RunDeps = ProvisionDeps & { readonly signal: AbortSignal };

/**
 * Checksum first, then the archive, then one program out of it, which has to tell its version before it takes the place of the old
 * one. Safe to run again, wherever an earlier run was ended.
 * @throws MeshError DOWNLOAD_FAILED, CHECKSUM_MISMATCH, RUNTIME_INSTALL_FAILED, DISK_FULL; the reason of `signal`
 */
export async function runZeroclawPlan(
  plan: ZeroclawPlan,
  reporter: StepReporter,
  deps: RunDeps,
): Promise<InstalledProgram> {
  const { archive, program } = plan;
  const folder = dirname(archive);
  await withFileFailures(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }));
  const checksum = await fetchChecksum(plan, deps);
  await downloadChecked({ plan, checksum }, reporter, deps);
  const version = await placeUnpacked(plan, reporter, deps);
  const source = plan.release.archiveUrl;
  await saveInstallRecord(deps.dataDir, "zeroclaw", { version, place: program, source, checksum });
  await forgetDownload(archive);
  return { kind: "zeroclaw", version, command: [program], env: {} };
}

/** @returns the version that the program tells */
async function placeUnpacked(
  { archive, program, version, release }: ZeroclawPlan,
  reporter: StepReporter,
  deps: RunDeps,
): Promise<string> {
  await using draft = await createDraft(program, deps);
  const told = await reporter.run(
    (step) => step.do === "unpack",
    async () => {
      await unpackProgram(archive, { name: "zeroclaw", to: draft.path, signal: deps.signal });
      return await requireVersion(draft.path, { wanted: version, asset: release.asset }, deps);
    },
  );
  if (await isFile(program)) {
    await reporter.run(
      (step) => step.do === "keep_previous",
      () => keepPrevious(program, draft.path),
    );
  }
  await reporter.run(
    (step) => step.do === "place",
    () => placeProgram(draft.path, program),
  );
  return told;
}

async function fetchChecksum({ release }: ZeroclawPlan, deps: RunDeps): Promise<string> {
  const { checksumsUrl, asset, tag } = release;
  const text = await fetchReleaseText(
    { url: checksumsUrl, maxBytes: maxChecksumBytes, signal: deps.signal },
    deps,
  ).catch((error: unknown) => {
    if (!(error instanceof MeshError) || error.details?.status !== 404) throw error;
    throw new MeshError(
      "DOWNLOAD_FAILED",
      `the release ${tag} has no SHA256SUMS, so nothing of it can be checked`,
      {
        hint: "Check the version that --runtime-version names, and CLAW_MESH_ZEROCLAW_RELEASES. Nothing is installed unchecked.",
        cause: error,
      },
    );
  });
  const checksum = findChecksum(text, asset);
  if (checksum !== null) return checksum;
  throw new MeshError("CHECKSUM_MISMATCH", `the SHA256SUMS of ${tag} have no line for ${asset}`, {
    hint: "Nothing is installed unchecked. Choose another version with --runtime-version.",
  });
}

interface Wanted {
  readonly plan: ZeroclawPlan;
  readonly checksum: string;
}

/** What an earlier run left may be of another release behind the same address: then all of it is got once more. */
async function downloadChecked(wanted: Wanted, reporter: StepReporter, deps: RunDeps): Promise<void> {
  const { plan, checksum } = wanted;
  const { archive, release } = plan;
  if ((await isFile(archive)) && (await hashFile(archive, deps.signal)) === checksum) return;
  await withFileFailures(archive, () => rm(archive, { force: true }));
  for (;;) {
    const { isResumed } = await reporter.run(
      (step) => step.do === "download",
      (moving) =>
        downloadFile(
          {
            url: release.archiveUrl,
            file: archive,
            maxBytes: maxArchiveBytes,
            signal: deps.signal,
            onBytes: moving,
          },
          deps,
        ),
    );
    const sum = await reporter.run(
      (step) => step.do === "verify",
      () => hashFile(archive, deps.signal),
    );
    if (sum === checksum) return;
    await forgetDownload(archive);
    if (isResumed) continue;
    throw new MeshError(
      "CHECKSUM_MISMATCH",
      `${release.asset} of ${release.tag} has the SHA-256 ${sum}, and its release says ${checksum}`,
    );
  }
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { signal })) {
    signal.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest("hex");
}

/** A program that cannot run here, or is another than it should be, must not take the place of one that can. */
async function requireVersion(
  draft: string,
  { wanted, asset }: { readonly wanted: string; readonly asset: string },
  deps: RunDeps,
): Promise<string> {
  const version = await readFirstVersion(draft, deps);
  if (version !== null && isSameVersion(version, wanted)) return version;
  const problem =
    version === null
      ? "does not run on this machine: it told no version"
      : `says that it is version ${version}, and ${wanted} was wanted`;
  throw new MeshError("RUNTIME_INSTALL_FAILED", `zeroclaw of ${asset} ${problem}`, {
    hint: "What was installed before stays as it was. Choose another version with --runtime-version.",
  });
}
