import { errorCodeOf } from "../../platform/atomic-file.ts";
import { readFileTail } from "../../platform/file-tail.ts";
import {
  commandEnvironment,
  createRunCommand,
  streamCommand,
} from "../../platform/services/service-command.ts";
import { createServiceControl, type ServiceControl } from "../../platform/services/service-control.ts";
import { type ServiceId, serviceName } from "../../platform/services/service-id.ts";
import { chooseServiceManager, readServiceMachine } from "../../platform/services/service-machine.ts";
import type { ServiceManager } from "../../platform/services/service-manager.ts";
import { servicePaths } from "../../platform/services/service-token.ts";
import { MeshError } from "../../protocol/errors.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { toPrintable } from "../render/safe-text.ts";
import { serviceJson, serviceLine } from "../render/services.ts";
import { findService, readScope, type ServiceChoice } from "../service-choice.ts";

export type { ServiceChoice } from "../service-choice.ts";

export interface ServiceLogsFlags extends ServiceChoice {
  readonly follow?: boolean;
  readonly lines?: number;
}

const defaultLines = 50;
const maxLines = 10_000;
/** Bytes at the end of a log file that its last lines are looked for in. */
const maxTailBytes = 4 * 1024 * 1024;

interface Services {
  readonly manager: ServiceManager;
  readonly control: ServiceControl;
  readonly env: Readonly<Record<string, string>>;
}

function openServices(context: CliContext, choice: ServiceChoice): Services {
  const machine = readServiceMachine(context.env, context.home);
  const manager = chooseServiceManager(machine, readScope(context, choice, machine));
  const env = commandEnvironment(context.env, machine.uid);
  return {
    manager,
    env,
    control: createServiceControl({
      manager,
      run: createRunCommand(env, context.clock),
      clock: context.clock,
    }),
  };
}

async function findChosen(
  context: CliContext,
  { manager, control }: Services,
  chosen: { readonly word: string | undefined; readonly choice: ServiceChoice },
): Promise<ServiceId> {
  return findService(context, control, { ...chosen, scope: manager.scope });
}

export async function startService(this: CliContext, choice: ServiceChoice, word?: string): Promise<void> {
  const services = openServices(this, choice);
  const id = await findChosen(this, services, { word, choice });
  await printState(this, services, id, await services.control.start(id));
}

export async function stopService(this: CliContext, choice: ServiceChoice, word?: string): Promise<void> {
  const services = openServices(this, choice);
  const id = await findChosen(this, services, { word, choice });
  await printState(this, services, id, await services.control.stop(id));
}

async function printState(
  context: CliContext,
  { manager }: Services,
  id: ServiceId,
  state: Awaited<ReturnType<ServiceControl["state"]>>,
): Promise<void> {
  printResult(context, serviceJson(id, { scope: manager.scope, file: manager.fileOf(id), state }), () =>
    serviceLine(context.texts, id, state),
  );
}

/** Exit code 1 when one that is shown does not run. */
export async function showServices(this: CliContext, choice: ServiceChoice, word?: string): Promise<void> {
  const services = openServices(this, choice);
  const { manager, control } = services;
  const isOne = word !== undefined || choice.name !== undefined;
  const ids = isOne ? [await findChosen(this, services, { word, choice })] : await control.list();
  if (ids.length > 0) await control.checkAvailable();
  const views = await Promise.all(
    ids.map(async (id) => ({
      id,
      file: manager.fileOf(id),
      scope: manager.scope,
      state: await control.state(id),
    })),
  );
  printResult(
    this,
    { manager: manager.kind, services: views.map((view) => serviceJson(view.id, view)) },
    () =>
      views.length === 0
        ? this.texts.service.none(manager.scope)
        : views.map(({ id, state }) => serviceLine(this.texts, id, state)).join("\n"),
  );
  if (views.some(({ state }) => state.condition !== "running")) this.endWith(1);
}

export async function showServiceLogs(
  this: CliContext,
  flags: ServiceLogsFlags,
  word?: string,
): Promise<void> {
  const services = openServices(this, flags);
  const id = await findChosen(this, services, { word, choice: flags });
  const lines = Math.min(flags.lines ?? defaultLines, maxLines);
  const show = (text: string) => this.stdout.write(toPrintable(text, false));
  const command = services.manager.showLogs(id, { lines, follow: flags.follow === true });
  if (command === null) return show(await readLogFile(this, services, { id, lines }));
  const exitCode = await streamCommand(command, {
    env: services.env,
    signal: this.interrupt,
    onOutput: show,
  });
  if (exitCode === null) throw new MeshError("SERVICE_UNAVAILABLE", this.texts.service.noJournal);
  if (exitCode !== 0) throw new MeshError("SERVICE_FAILED", `${command.join(" ")} ended with ${exitCode}`);
}

async function readLogFile(
  context: CliContext,
  { control, manager }: Services,
  { id, lines }: { readonly id: ServiceId; readonly lines: number },
): Promise<string> {
  const dataDir = await dataDirOf(context, control, id);
  const { log } = servicePaths(dataDir, id, manager.scope);
  try {
    const text = await readFileTail(log, maxTailBytes);
    return `${text.trimEnd().split("\n").slice(-lines).join("\n")}\n`;
  } catch (cause) {
    if (errorCodeOf(cause) === null) throw cause;
    throw new MeshError("SERVICE_FAILED", context.texts.service.noLog(log), { cause });
  }
}

export async function uninstallService(
  this: CliContext,
  choice: ServiceChoice,
  word?: string,
): Promise<void> {
  const services = openServices(this, choice);
  const id = await findChosen(this, services, { word, choice });
  const dataDir = await dataDirOf(this, services.control, id);
  const { file } = await services.control.uninstall(id);
  printResult(this, { service: serviceName(id), file, removed: true }, () =>
    this.texts.service.uninstalled(serviceName(id), file),
  );
  printNote(this, this.texts.service.dataStays(dataDir));
}

/** The service's own: whoever asks may have another. */
async function dataDirOf(context: CliContext, control: ServiceControl, id: ServiceId): Promise<string> {
  return (await control.dataDirOf(id)) ?? (await loadCliConfig(context)).dataDir;
}
