import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../../protocol/errors.ts";
import { errorCodeOf, readTextIfExists, writeFileAtomic } from "../atomic-file.ts";
import { type Clock, delay } from "../clock.ts";
import type { CommandOutcome, RunCommand } from "./service-command.ts";
import type { ServiceId } from "./service-id.ts";
import { serviceName } from "./service-id.ts";
import type { ServiceManager, ServiceState, ServiceStep } from "./service-manager.ts";
import type { ServiceSpec } from "./service-spec.ts";

/** How often something that is on its way out is asked for. */
const pollMs = 500;

/** Units hold no secret, and service managers want to read them. */
const unitMode = 0o644;

export interface ServiceControlDeps {
  readonly manager: ServiceManager;
  readonly run: RunCommand;
  readonly clock: Clock;
}

export interface Installed {
  readonly file: string;
  /** `changed`: there was another unit, and the service was started again with this one. */
  readonly change: "installed" | "changed" | "unchanged";
  readonly state: ServiceState;
}

/** Carries out what a service manager's plans say. Every method but `list` throws SERVICE_UNAVAILABLE, SERVICE_FAILED. */
export interface ServiceControl {
  readonly checkAvailable: () => Promise<void>;
  /** @param isRestartWanted this unit, or the token in a file that it names, is not what was put into effect last */
  readonly install: (spec: ServiceSpec, isRestartWanted: boolean) => Promise<Installed>;
  /** @throws MeshError SERVICE_NOT_INSTALLED, as the following ones do */
  readonly start: (id: ServiceId) => Promise<ServiceState>;
  readonly stop: (id: ServiceId) => Promise<ServiceState>;
  readonly uninstall: (id: ServiceId) => Promise<{ readonly file: string }>;
  /** The data directory that its unit names. @throws MeshError SERVICE_NOT_INSTALLED */
  readonly dataDirOf: (id: ServiceId) => Promise<string | null>;
  readonly state: (id: ServiceId) => Promise<ServiceState>;
  /** Services of this scope that were installed by this program, whatever became of them. */
  readonly list: () => Promise<readonly ServiceId[]>;
}

export function createServiceControl({ manager, run, clock }: ServiceControlDeps): ServiceControl {
  const carryOut = async (steps: readonly ServiceStep[]) => {
    for (const { command, mayFail, untilFailsS = 0 } of steps) {
      let outcome = await run(command);
      for (let left = untilFailsS * 1_000; left > 0 && outcome.exitCode === 0; left -= pollMs) {
        await delay(clock, pollMs);
        outcome = await run(command);
      }
      if (outcome.exitCode !== 0 && !mayFail) throw commandFailed(command, outcome);
    }
  };

  const state = async (id: ServiceId) => manager.readState(await run(manager.askState(id)));

  const checkAvailable = async () => {
    const outcome = await run(manager.askAvailable);
    if (!manager.isAvailable(outcome)) throw unavailable(manager, outcome);
  };

  /** The unit as it is; null: none. @throws MeshError SERVICE_FAILED when somebody else wrote it */
  const readUnit = async (id: ServiceId) => {
    const file = manager.fileOf(id);
    const text = await readTextIfExists(file);
    if (text !== null && !text.includes(manager.mark)) {
      throw new MeshError("SERVICE_FAILED", `${file} was not written by claw-mesh`, {
        hint: "Move that file away, or install under another name: --name <node>",
      });
    }
    return text;
  };

  const checkInstalled = async (id: ServiceId) => {
    await checkAvailable();
    await readInstalled(id);
  };

  const readInstalled = async (id: ServiceId): Promise<string> => {
    const text = await readUnit(id);
    if (text !== null) return text;
    throw new MeshError(
      "SERVICE_NOT_INSTALLED",
      `${serviceName(id)} is not installed as a ${manager.scope} service`,
    );
  };

  return {
    checkAvailable,
    state,
    install: async (spec, isRestartWanted) => {
      await checkAvailable();
      const file = manager.fileOf(spec.id);
      const text = manager.render(spec);
      const before = await readUnit(spec.id);
      const hasChanged = before !== text || isRestartWanted;
      if (before !== text) await writeUnit(manager, file, text);
      await carryOut(manager.planInstalled(spec.id, hasChanged));
      const change = before === null ? "installed" : hasChanged ? "changed" : "unchanged";
      return { file, change, state: await state(spec.id) };
    },
    start: async (id) => {
      await checkInstalled(id);
      await carryOut(manager.planStart(id));
      return state(id);
    },
    stop: async (id) => {
      await checkInstalled(id);
      await carryOut(manager.planStop(id));
      return state(id);
    },
    uninstall: async (id) => {
      await checkInstalled(id);
      const { before, after } = manager.planRemove(id);
      await carryOut(before);
      await rm(manager.fileOf(id), { force: true }).catch((error: unknown) => {
        throw fileFailed("remove", manager.fileOf(id), error);
      });
      await carryOut(after);
      return { file: manager.fileOf(id) };
    },
    dataDirOf: async (id) => manager.dataDirOf(await readInstalled(id)),
    list: async () => {
      const names = await readdir(manager.folder).catch((error: unknown) => {
        if (errorCodeOf(error) === "ENOENT") return [];
        throw fileFailed("read", manager.folder, error);
      });
      const ids: ServiceId[] = [];
      for (const name of names.sort()) {
        const id = manager.idOf(name);
        // Somebody else's unit may have such a name.
        const text = id === null ? null : await readTextIfExists(join(manager.folder, name));
        if (id !== null && text?.includes(manager.mark) === true) ids.push(id);
      }
      return ids;
    },
  };
}

async function writeUnit(manager: ServiceManager, file: string, text: string): Promise<void> {
  try {
    await mkdir(manager.folder, { recursive: true });
    await writeFileAtomic(file, text, { mode: unitMode, overwrite: true });
  } catch (error) {
    throw fileFailed("write", file, error);
  }
}

function fileFailed(verb: string, file: string, cause: unknown): unknown {
  const code = errorCodeOf(cause);
  if (code === null) return cause;
  const isForbidden = code === "EACCES" || code === "EPERM" || code === "EROFS";
  return new MeshError("SERVICE_FAILED", `cannot ${verb} ${file} (${code})`, {
    cause,
    ...(isForbidden ? { hint: "A service of the system is root's: run the same command with sudo." } : {}),
  });
}

function commandFailed(command: readonly string[], { exitCode, stderr, stdout }: CommandOutcome): MeshError {
  const line = command.join(" ");
  const said = (stderr.trim() || stdout.trim()).split("\n")[0] ?? "";
  if (exitCode === null) return new MeshError("SERVICE_FAILED", `${line} could not be run, or took too long`);
  return new MeshError("SERVICE_FAILED", `${line} ended with ${exitCode}${said === "" ? "" : `: ${said}`}`);
}

function unavailable({ kind, scope, askAvailable }: ServiceManager, outcome: CommandOutcome): MeshError {
  const said = outcome.stdout.trim().split("\n")[0] ?? "";
  const why =
    outcome.exitCode === null
      ? `${askAvailable[0]} cannot be run here`
      : `"${askAvailable.join(" ")}" says "${said === "" ? (outcome.stderr.trim().split("\n")[0] ?? "") : said}"`;
  const hint =
    kind === "systemd" && scope === "user" && outcome.exitCode !== null && said !== "offline"
      ? "Log in as that user rather than by su or sudo, or install it for the whole system: --system"
      : undefined;
  return new MeshError(
    "SERVICE_UNAVAILABLE",
    `${kind} does not manage ${scope} services on this machine: ${why}`,
    {
      ...(hint === undefined ? {} : { hint }),
    },
  );
}
