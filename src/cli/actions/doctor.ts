import type { LoadedConfig } from "../../config/load-config.ts";
import { MeshError } from "../../protocol/errors.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { checkAccess } from "../doctor/access.ts";
import { type Check, failed, fixAll, ok, skipped, warning } from "../doctor/check.ts";
import { checkMachine, checkNodesHere, checkRuntimesHere } from "../doctor/machine.ts";
import { checkNodes } from "../doctor/mesh.ts";
import { findTarget } from "../doctor/target.ts";
import { checkWay } from "../doctor/way.ts";
import { printNote, printResult } from "../print.ts";
import { type Colour, createPaint } from "../render/paint.ts";

export interface DoctorFlags {
  /** File of the support bundle. */
  readonly bundle?: string;
  readonly log?: string;
  readonly fix?: boolean;
}

/** Checks this machine and its way to the mesh, one line each. Sets exit code 1 when a check failed. */
export async function runDoctor(this: CliContext, flags: DoctorFlags): Promise<void> {
  const { bundle: file, log } = flags;
  if (log !== undefined && file === undefined)
    throw new MeshError("USAGE", this.texts.support.logWithoutBundle);
  const found = await runChecks(this);
  const checks = flags.fix === true ? await fixAll(this, found) : found;
  if (file !== undefined) {
    const { writeSupportBundle } = await import("./support-bundle.ts");
    await writeSupportBundle(this, { file, logFile: log ?? null, checks: checks.map(toJson) });
    printNote(this, this.texts.support.written(file));
  }
  const isFine = checks.every(({ status }) => status !== "failed");
  printResult(this, { ok: isFine, checks: checks.map(toJson) }, () => renderChecks(this, checks));
  if (!isFine) this.endWith(1);
}

function toJson({ check, status, message, remedy, fix }: Check) {
  return { check, status, message, remedy, is_fixable: fix !== undefined };
}

async function runChecks(context: CliContext): Promise<readonly Check[]> {
  const version = ok("version", `claw-mesh ${context.version}`);
  let config: LoadedConfig;
  try {
    config = await loadCliConfig(context);
  } catch (error) {
    return [version, failed("configuration", error)];
  }
  const about = [version, ...checkConfiguration(context, config), ...(await checkMachine(context, config))];
  const here = await checkNodesHere(context, config.dataDir);
  const [runtimes, path] = await Promise.all([
    checkRuntimesHere(context, config, here.places),
    checkPath(context, here.places),
  ]);
  return [...about, ...here.checks, ...runtimes, ...path];
}

/** From here to the coordinator, and what it says of the nodes. */
async function checkPath(
  context: CliContext,
  places: Awaited<ReturnType<typeof checkNodesHere>>["places"],
): Promise<readonly Check[]> {
  try {
    const target = await findTarget(context, places);
    const way = await checkWay(context, target);
    const access = way.health === null ? null : await checkAccess(context, target);
    return [
      ...way.checks,
      access?.check ?? skipped(context, "token"),
      ...(access === null || access.nodes === null
        ? [skipped(context, "runtime", access?.skipReason)]
        : checkNodes(context, access.nodes, way.health?.version ?? null)),
    ];
  } catch (error) {
    return [failed("configuration", error)];
  }
}

function checkConfiguration({ texts }: CliContext, config: LoadedConfig): readonly Check[] {
  const { doctor } = texts;
  const passedOver = config.skipped.map(({ path, reason, isForeign }) =>
    isForeign
      ? warning("configuration", doctor.foreignFile(path, reason), doctor.foreignFileRemedy)
      : warning("configuration", doctor.skippedFile(path, reason), doctor.skippedFileRemedy),
  );
  return [describeFile(texts, config), ...passedOver];
}

function describeFile({ doctor }: CliContext["texts"], { file, foreignHand }: LoadedConfig): Check {
  if (file === null) return ok("configuration", doctor.noFile);
  if (foreignHand === null) return ok("configuration", doctor.file(file));
  return warning("configuration", doctor.namedForeignFile(file, foreignHand), doctor.namedForeignFileRemedy);
}

const colours: Readonly<Record<Check["status"], Colour>> = {
  ok: "green",
  warning: "yellow",
  failed: "red",
  skipped: "dim",
  fixed: "cyan",
};

function renderChecks({ texts, stdout }: CliContext, checks: readonly Check[]): string {
  const { doctor } = texts;
  const paint = createPaint(stdout);
  const labels = checks.map(({ check }) => doctor.checks[check]);
  const labelWidth = Math.max(...labels.map((label) => Bun.stringWidth(label)));
  const pad = (text: string, width: number) => text + " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
  const statusWidth = Math.max(...checks.map(({ status }) => Bun.stringWidth(doctor[status])));
  const lines = checks.flatMap(({ check, status, message, remedy, fix }) => {
    const word = paint(colours[status], pad(doctor[status], statusWidth));
    const [first = "", ...more] = message.split("\n");
    const line = `${pad(doctor.checks[check], labelWidth)}  ${word}  ${first}`.trimEnd();
    const remedies = remedy === null ? [] : [doctor.remedy(remedy)];
    const fixes = fix === undefined ? [] : [doctor.remedy(doctor.fixable)];
    return [
      line,
      ...[...more, ...remedies, ...fixes].map((text) => `${" ".repeat(labelWidth + statusWidth + 4)}${text}`),
    ];
  });
  return `${lines.join("\n")}\n`;
}
