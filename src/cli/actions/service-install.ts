import { basename, delimiter, isAbsolute, join } from "node:path";
import type { LoadedConfig } from "../../config/load-config.ts";
import { readTextIfExists } from "../../platform/atomic-file.ts";
import { delay } from "../../platform/clock.ts";
import { expandPath } from "../../platform/paths.ts";
import { readPrivateText } from "../../platform/private-files.ts";
import { type OwnedFolder, openOwnedFolder } from "../../platform/services/owned-folder.ts";
import {
  commandEnvironment,
  createRunCommand,
  type RunCommand,
} from "../../platform/services/service-command.ts";
import {
  createServiceControl,
  type Installed,
  type ServiceControl,
} from "../../platform/services/service-control.ts";
import { type ServiceId, serviceName } from "../../platform/services/service-id.ts";
import {
  checkServiceProgram,
  chooseServiceManager,
  findServiceUser,
  hasLinger,
  readServiceMachine,
  type ServiceMachine,
  type ServiceUser,
} from "../../platform/services/service-machine.ts";
import type { ServiceManager } from "../../platform/services/service-manager.ts";
import type { ServiceSpec } from "../../platform/services/service-spec.ts";
import {
  digestUnit,
  type ServicePaths,
  saveCredential,
  saveServiceText,
  servicePaths,
} from "../../platform/services/service-token.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import { loadCliConfig, parseCoordinatorUrl } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { printNote, printResult } from "../print.ts";
import { renderDryRun, serviceJson, serviceLine } from "../render/services.ts";
import { readRole, readScope, type ServiceChoice } from "../service-choice.ts";
import { readServiceWords, type ServiceWords } from "../service-words.ts";

export interface ServiceInstallFlags extends ServiceChoice {
  readonly runAs?: string;
  readonly dryRun?: boolean;
}

/** Time in which a program that cannot work has ended. */
const settleMs = 2_000;

/** All that is decided before anything is written. */
interface ServicePlan {
  readonly spec: ServiceSpec;
  readonly paths: ServicePaths;
  readonly owner: ServiceUser | null;
  /** What was given now, to be written into the file of the service; null: nothing. */
  readonly credential: Secret | null;
}

export async function installService(
  this: CliContext,
  flags: ServiceInstallFlags,
  ...words: readonly string[]
): Promise<void> {
  const machine = readServiceMachine(this.env, this.home);
  const scope = readScope(this, flags, machine);
  const manager = chooseServiceManager(machine, scope);
  checkServiceProgram(this.programFile);
  const run = createRunCommand(commandEnvironment(this.env, machine.uid), this.clock);
  const plan = await planService(this, { flags, words, machine, scope, run });
  if (flags.dryRun === true) return printDryRun(this, manager, plan);

  const control = createServiceControl({ manager, run, clock: this.clock });
  await control.checkAvailable();
  await using folder = await openOwnedFolder(plan.paths.folder, plan.owner);
  const installed = await putIntoEffect({ plan, manager, control, folder });
  const settled = await settle(this, control, { id: plan.spec.id, installed });
  await tellInstalled(this, { plan, installed: settled, machine });
}

interface Effect {
  readonly plan: ServicePlan;
  readonly manager: ServiceManager;
  readonly control: ServiceControl;
  readonly folder: OwnedFolder;
}

/** Remembers what was put into effect only when it was: after a failure on the way, the next installation does all again. */
async function putIntoEffect({ plan, manager, control, folder }: Effect): Promise<Installed> {
  const { spec, owner, credential, paths } = plan;
  const digest = digestUnit(manager.render(spec));
  const applied = folder.file(basename(paths.applied));
  let isApplied = (await readPrivateText(applied)) === digest;
  if (credential !== null && (await saveCredential(folder, spec.id, { secret: credential, owner }))) {
    isApplied = false;
    await saveServiceText(applied, "", owner);
  }
  const installed = await control.install(spec, !isApplied);
  await saveServiceText(applied, digest, owner);
  return installed;
}

/** What became of a service that was started: one that ends at once looks well at first. */
async function settle(
  { clock }: CliContext,
  control: ServiceControl,
  { id, installed }: { readonly id: ServiceId; readonly installed: Installed },
): Promise<Installed & { readonly isSteady: boolean }> {
  if (installed.change === "unchanged")
    return { ...installed, isSteady: installed.state.condition !== "failed" };
  await delay(clock, settleMs);
  const state = await control.state(id);
  const { pid, restarts, condition } = state;
  const isSame = installed.state.pid === null || installed.state.pid === pid;
  const isSteady = condition === "running" && isSame && (restarts ?? 0) <= (installed.state.restarts ?? 0);
  return { ...installed, state, isSteady };
}

interface PlanInput {
  readonly flags: ServiceInstallFlags;
  readonly words: readonly string[];
  readonly machine: ServiceMachine;
  readonly scope: ServiceSpec["scope"];
  readonly run: RunCommand;
}

async function planService(
  context: CliContext,
  { flags, words, machine, scope, run }: PlanInput,
): Promise<ServicePlan> {
  const { texts, globals } = context;
  const [word, ...others] = words;
  if (word === undefined) throw new MeshError("USAGE", texts.service.missingRole);
  const role = readRole(context, word);
  const toPath = (path: string) => expandPath(path, context);
  const given = readServiceWords(others, { takesUrl: role === "node", toPath });
  const id: ServiceId = { role, node: readName(context, role, flags, given) };
  const owner = await findOwner(context, { flags, machine, scope, run });
  const config = await loadCliConfig(
    context,
    given.dataDir === null
      ? []
      : [{ path: "coordinator.data_dir", flag: "--data-dir", value: given.dataDir }],
  );
  const isChosen = config.originOf("coordinator.data_dir").kind !== "default";
  const dataDir = owner === null || isChosen ? config.dataDir : join(owner.home, ".claw-mesh");
  const paths = servicePaths(dataDir, id, scope);
  const credential = givenCredential(config);
  const hasFile = credential !== null || (await readTextIfExists(paths.grantFile).catch(() => null)) !== null;
  const args = [
    ...commandWords(context, role, given),
    ...["--data-dir", dataDir],
    ...(hasFile ? ["--token-file", paths.grantFile] : []),
    ...(globals.config === null ? [] : ["--config", toPath(globals.config)]),
    ...(globals.ca === null ? [] : ["--ca", toPath(globals.ca)]),
    ...(flags.name === undefined ? [] : ["--name", flags.name]),
    ...given.args,
  ];
  const isSealed = role === "coordinator" && given.args.includes("--no-local");
  const spec: ServiceSpec = {
    id,
    scope,
    program: context.programFile,
    args,
    dataDir,
    runAs: owner,
    searchPath: isSealed ? null : searchPath(context.env.PATH ?? "", owner?.home ?? context.home),
    environmentFile: paths.environment,
    logFile: paths.log,
    isSealed,
  };
  return { spec, paths, owner, credential };
}

function commandWords(context: CliContext, role: ServiceId["role"], given: ServiceWords): readonly string[] {
  if (role === "coordinator") return ["up"];
  if (given.url === null) throw new MeshError("USAGE", context.texts.service.missingUrl);
  return ["join", parseCoordinatorUrl(context, given.url)];
}

function readName(
  { texts }: CliContext,
  role: ServiceId["role"],
  { name }: ServiceInstallFlags,
  given: ServiceWords,
): string | null {
  if (role === "coordinator" && name !== undefined)
    throw new MeshError("USAGE", texts.service.nameOfCoordinator);
  if (name !== undefined && given.name !== null) throw new MeshError("USAGE", texts.service.nameTwice);
  return role === "coordinator" ? null : (name ?? given.name);
}

/** Whom a service of the system runs as: who was named, else who called sudo; null: whoever installs it. */
async function findOwner(
  { texts, env }: CliContext,
  { flags, machine, scope, run }: Omit<PlanInput, "words">,
): Promise<ServiceUser | null> {
  if (scope === "user") {
    if (flags.runAs !== undefined) throw new MeshError("USAGE", texts.service.runAsUser);
    return null;
  }
  const bySudo = machine.uid === 0 && (env.SUDO_USER ?? "") !== "" ? env.SUDO_USER : undefined;
  const name = flags.runAs ?? bySudo;
  return name === undefined || name === "root"
    ? null
    : findServiceUser(name, { platform: machine.platform, run });
}

/** What was given on the command line or in the environment; what is in the configuration the service finds itself. */
function givenCredential(config: LoadedConfig): Secret | null {
  const { kind } = config.originOf("coordinator.token");
  return kind === "flag" || kind === "environment" ? config.value.coordinator.token : null;
}

/** Service managers give a path of their own, without the places where runtimes are installed for one user. */
function searchPath(path: string, home: string): string {
  const folders = path.split(delimiter).filter(isAbsolute);
  return [...new Set([...folders, join(home, ".local", "bin")])].join(delimiter);
}

function printDryRun(
  context: CliContext,
  manager: ServiceManager,
  { spec, paths, credential }: ServicePlan,
): void {
  const file = manager.fileOf(spec.id);
  const unit = manager.render(spec);
  const commands = manager.planInstalled(spec.id, true);
  const tokenFile = credential === null ? null : paths.grantFile;
  const result = {
    dry_run: true,
    file,
    unit,
    token_file: tokenFile,
    commands: commands.map(({ command }) => command),
  };
  printResult(context, result, () => renderDryRun(context.texts, { file, unit, tokenFile, commands }));
}

interface Told {
  readonly plan: ServicePlan;
  readonly installed: Installed & { readonly isSteady: boolean };
  readonly machine: ServiceMachine;
}

async function tellInstalled(context: CliContext, { plan, installed, machine }: Told): Promise<void> {
  const { service } = context.texts;
  const { spec, paths, owner, credential } = plan;
  const { file, change, state, isSteady } = installed;
  const name = serviceName(spec.id);
  const result = { ...serviceJson(spec.id, { scope: spec.scope, file, state }), change };
  printResult(context, result, () =>
    [
      change === "unchanged" ? service.unchanged(name) : service[change](name, file),
      serviceLine(context.texts, spec.id, state),
    ].join("\n"),
  );
  if (credential !== null) printNote(context, service.credential(paths.grantFile));
  const isRoot = spec.scope === "system" && owner === null && spec.id.role === "node";
  if (isRoot) printNote(context, service.rootHint);
  if (spec.scope === "user" && (await hasLinger(machine)) === false)
    printNote(context, service.lingerHint(machine.userName));
  if (!isSteady) {
    const { role, node } = spec.id;
    const words = [role, ...(node === null ? [] : ["--name", node]), `--${spec.scope}`].join(" ");
    throw new MeshError("SERVICE_FAILED", service.notRunning(name, state.detail), {
      hint: service.seeLogs(words),
    });
  }
}
