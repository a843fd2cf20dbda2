import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { LoadedConfig } from "../../config/load-config.ts";
import { findNodePlaces, type NodePlace } from "../../node/index.ts";
import { readTextIfExists } from "../../platform/atomic-file.ts";
import { findLocalCoordinator } from "../../platform/coordinator-file.ts";
import { freeDiskBytes } from "../../platform/disk-space.ts";
import { createLog } from "../../platform/log.ts";
import { checkPort } from "../../platform/port-check.ts";
import {
  findOpenEntries,
  findOpenMode,
  preparePrivateDir,
  privateFileMode,
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

/** Open files that are named. */
const maxNamed = 3;

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
    await chmod(file, privateFileMode);
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
async function checkOwnPort({ texts }: CliContext, config: LoadedConfig): Promise<readonly Check[]> {
  const { doctor } = texts;
  const running = await findLocalCoordinator(config.dataDir);
  if (running !== null) return [ok("port", doctor.coordinatorRuns(running.url))];
  if ((await readTextIfExists(join(config.dataDir, "token"))) === null) return [];
  const { host, port } = config.value.coordinator;
  switch (await checkPort(host, port)) {
    case "free":
      return [warning("port", doctor.portFree(port), doctor.portFreeRemedy)];
    case "taken":
      return [warning("port", doctor.portTaken(port), doctor.portTakenRemedy)];
    case "not_allowed":
      return [warning("port", doctor.portNotAllowed(port), doctor.portNotAllowedRemedy)];
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

/** The nodes of this machine, and whether their agents run. */
export async function checkNodesHere({ texts }: CliContext, dataDir: string): Promise<NodesHere> {
  const { doctor } = texts;
  const { places, problems } = await findNodePlaces(dataDir);
  const agents = places.map(({ name, coordinatorUrl, agent }) =>
    agent.isRunning
      ? ok("node", doctor.agentRuns(name, coordinatorUrl, agent.pid))
      : warning("node", doctor.agentStopped(name, coordinatorUrl), doctor.agentRemedy(name, coordinatorUrl)),
  );
  return { places, checks: [...agents, ...problems.map((problem) => failed("node", problem))] };
}
