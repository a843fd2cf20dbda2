import { delimiter, isAbsolute, join } from "node:path";
import type { LoadedConfig } from "../../config/load-config.ts";
import { readTextIfExists } from "../../platform/atomic-file.ts";
import { expandPath } from "../../platform/paths.ts";
import { commandEnvironment, createRunCommand } from "../../platform/services/service-command.ts";
import { createServiceControl, type Installed } from "../../platform/services/service-control.ts";
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
  prepareServiceFolders,
  type ServicePaths,
  saveCredential,
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
  const plan = await planService(this, { flags, words, machine, scope });
  if (flags.dryRun === true) return printDryRun(this, manager, plan);

  const control = createServiceControl({
    manager,
    run: createRunCommand(commandEnvironment(this.env, machine.uid), this.clock),
  });
  await control.checkAvailable();
  await prepareServiceFolders(plan.paths, plan.owner);
  const isNewCredential =
    plan.credential !== null && (await saveCredential(plan.paths.grantFile, plan.credential, plan.owner));
  const installed = await control.install(plan.spec, isNewCredential);
  await tellInstalled(this, { plan, installed, machine });
}

interface PlanInput {
  readonly flags: ServiceInstallFlags;
  readonly words: readonly string[];
  readonly machine: ServiceMachine;
  readonly scope: ServiceSpec["scope"];
}

async function planService(
  context: CliContext,
  { flags, words, machine, scope }: PlanInput,
): Promise<ServicePlan> {
  const { texts, globals } = context;
  const [word, ...others] = words;
  if (word === undefined) throw new MeshError("USAGE", texts.service.missingRole);
  const role = readRole(context, word);
  const toPath = (path: string) => expandPath(path, context);
  const given = readServiceWords(others, { takesUrl: role === "node", toPath });
  const id: ServiceId = { role, node: readName(context, role, flags, given) };
  const owner = await findOwner(context, { flags, machine, scope });
  const config = await loadCliConfig(
    context,
    given.dataDir === null
      ? []
      : [{ path: "coordinator.data_dir", flag: "--data-dir", value: given.dataDir }],
  );
  const dataDir = given.dataDir ?? (owner === null ? config.dataDir : join(owner.home, ".claw-mesh"));
  const paths = servicePaths(dataDir, id);
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
  { flags, machine, scope }: Pick<PlanInput, "flags" | "machine" | "scope">,
): Promise<ServiceUser | null> {
  if (scope === "user") {
    if (flags.runAs !== undefined) throw new MeshError("USAGE", texts.service.runAsUser);
    return null;
  }
  const bySudo = machine.uid === 0 && (env.SUDO_USER ?? "") !== "" ? env.SUDO_USER : undefined;
  const name = flags.runAs ?? bySudo;
  return name === undefined || name === "root" ? null : findServiceUser(name, machine.platform);
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
  readonly installed: Installed;
  readonly machine: ServiceMachine;
}

async function tellInstalled(context: CliContext, { plan, installed, machine }: Told): Promise<void> {
  const { service } = context.texts;
  const { spec, paths, owner, credential } = plan;
  const { file, change, state } = installed;
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
  if (state.condition === "failed")
    throw new MeshError("SERVICE_FAILED", service.notRunning(name, state.detail));
}
