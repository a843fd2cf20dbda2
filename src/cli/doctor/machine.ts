import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { LoadedConfig } from "../../config/load-config.ts";
import { findNodePlaces, type NodePlace } from "../../node/index.ts";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { findLocalCoordinator } from "../../platform/coordinator-file.ts";
import { freeDiskBytes } from "../../platform/disk-space.ts";
import { createLog } from "../../platform/log.ts";
import { checkPort } from "../../platform/port-check.ts";
import {
  closeToOthers,
  findOpenEntries,
  findOpenMode,
  preparePrivateDir,
} from "../../platform/private-files.ts";
import { MeshError } from "../../protocol/errors.ts";
import { toDetectDeps } from "../actions/runtime-list.ts";
import type { CliContext } from "../context.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { shellWord } from "../shell-word.ts";
import { type Check, failed, ok, warning } from "./check.ts";

/** Free bytes below which a journal or a queue may not be written any more, and below which that is near. */
const fullDiskBytes = 64 * 2 ** 20;
const lowDiskBytes = 512 * 2 ** 20;

/** Open files, and places whose agent does not run, that are named. */
const maxNamed = 3;

/** Listening takes no time; the name of a host may. */
const portLimitMs = 5_000;

/** What of this machine a coordinator or a node depends on: files, disk, port. */
export async function checkMachine(context: CliContext, config: LoadedConfig): Promise<readonly Check[]> {
  return [
    ...(await checkFiles(context, config)),
    await checkDisk(context, config),
    ...(await checkOwnPort(context, config)),
  ];
}

async function checkFiles(context: CliContext, config: LoadedConfig): Promise<readonly Check[]> {
  const { doctor } = context.texts;
  const checks: Check[] = [];
  try {
    const open = await findOpenEntries(config.dataDir);
    if (open.length === 0) checks.push(ok("files", doctor.filesClosed(config.dataDir)));
    else {
      const named = open.slice(0, maxNamed).map(({ path, mode }) => `${path} (${mode})`);
      const log = createLog({ write: () => {}, format: "text", level: "error" });
      checks.push({
        ...warning("files", doctor.filesOpen(named, open.length - named.length), doctor.filesRemedy),
        fix: () => preparePrivateDir(config.dataDir, { log }),
      });
    }
  } catch (error) {
    checks.push(failed("files", error));
  }
  return [...checks, ...(await checkConfigMode(context, config))];
}

async function checkConfigMode({ texts }: CliContext, config: LoadedConfig): Promise<readonly Check[]> {
  const { file } = config;
  const holdsSecret = ["coordinator.token", "node.gateway.token"].some(
    (path) => config.originOf(path).kind === "file",
  );
  if (file === null || !holdsSecret) return [];
  const mode = await findOpenMode(file);
  if (mode === null) return [];
  const found = warning("files", texts.doctor.configOpen(file, mode), `chmod 600 ${shellWord(file)}`);
  return [{ ...found, fix: () => closeFile(file) }];
}

async function closeFile(file: string): Promise<void> {
  try {
    await closeToOthers(file);
  } catch (cause) {
    throw new MeshError("FILE_UNSAFE", `cannot change the mode of ${file}`, { cause });
  }
}

async function checkDisk({ texts }: CliContext, { dataDir }: LoadedConfig): Promise<Check> {
  const { doctor } = texts;
  const bytes = await freeDiskBytes(dataDir);
  if (bytes === null) return { check: "disk", status: "skipped", message: doctor.diskUnknown, remedy: null };
  const message = doctor.diskFree(Math.floor(bytes / 2 ** 20), dataDir);
  if (bytes < fullDiskBytes) return { check: "disk", status: "failed", message, remedy: doctor.diskRemedy };
  return bytes < lowDiskBytes ? warning("disk", message, doctor.diskRemedy) : ok("disk", message);
}

/** Only where a coordinator has been: on other machines its port is nobody's business. */
async function checkOwnPort({ texts, clock }: CliContext, config: LoadedConfig): Promise<readonly Check[]> {
  const { doctor } = texts;
  const running = await findLocalCoordinator(config.dataDir);
  if (running !== null) return [ok("port", doctor.coordinatorRuns(running.url))];
  if (!(await exists(join(config.dataDir, "token")))) return [];
  const { host, port } = config.value.coordinator;
  const found = await waitAtMost(checkPort(host, port), {
    clock,
    limitMs: portLimitMs,
    otherwise: { kind: "unusable", code: "ETIMEDOUT" } as const,
  });
  switch (found.kind) {
    case "free":
      return [warning("port", doctor.portFree(port), doctor.portFreeRemedy)];
    case "taken":
      return [warning("port", doctor.portTaken(port), doctor.portTakenRemedy)];
    case "not_allowed":
      return [warning("port", doctor.portNotAllowed(port), doctor.portNotAllowedRemedy)];
    case "unusable":
      return [warning("port", doctor.portUnusable(host, port, found.code), doctor.portUnusableRemedy)];
  }
}

/** Whether it can be read is another check's. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    return false;
  }
}

/** AI runtimes of this machine. None is a finding only where a node should have one. */
export async function checkRuntimesHere(
  context: CliContext,
  config: LoadedConfig,
  places: readonly NodePlace[],
): Promise<readonly Check[]> {
  const { doctor } = context.texts;
  const { detectRuntimes } = await import("../../provision/index.ts");
  const found = await detectRuntimes({ ...toDetectDeps(context, config), asksVersions: false });
  if (found.length === 0) {
    const { runtime, runtimes } = config.value.node;
    const isWanted = places.length > 0 && runtime !== "echo" && runtimes.length === 0;
    return isWanted
      ? [warning("local_runtime", doctor.noRuntimeHere, doctor.noRuntimeHereRemedy)]
      : [ok("local_runtime", doctor.noRuntimeHere)];
  }
  return found.map(({ product, foundBy, problem }) =>
    problem === null
      ? ok("local_runtime", toSafeLine(doctor.runtimeHere(product, foundBy)))
      : warning(
          "local_runtime",
          toSafeLine(doctor.runtimeHereProblem(product, problem.message)),
          toSafeLine(problem.remedy),
        ),
  );
}

export interface NodesHere {
  readonly places: readonly NodePlace[];
  readonly checks: readonly Check[];
}

/**
 * The nodes of this machine, and whether their agents run. An old place that nobody has any use for any more does no harm: one
 * that does not run is a finding only where it is the only one of this machine's, or was joined last.
 */
export async function checkNodesHere({ texts }: CliContext, dataDir: string): Promise<NodesHere> {
  const { doctor } = texts;
  const { places, problems } = await findNodePlaces(dataDir);
  const running = places.filter(({ agent }) => agent.isRunning);
  const stopped = places.filter(({ agent }) => !agent.isRunning);
  const [last] = places;
  const checks = [
    ...running.map(({ name, coordinatorUrl, agent }) =>
      ok("node", doctor.agentRuns(name, coordinatorUrl, agent.pid)),
    ),
    ...stopped.slice(0, maxNamed).map((place) => {
      const { name, coordinatorUrl } = place;
      const message = doctor.agentStopped(name, coordinatorUrl);
      return place === last
        ? warning("node", message, doctor.agentRemedy(name, coordinatorUrl))
        : ok("node", message);
    }),
    ...(stopped.length > maxNamed ? [ok("node", doctor.moreStopped(stopped.length - maxNamed))] : []),
  ];
  return { places, checks: [...checks, ...problems.map((problem) => failed("node", problem))] };
}
