import { basename, dirname } from "node:path";
import { toNodeName } from "../../config/initial-config.ts";
import type { ConfigFlag, LoadedConfig } from "../../config/load-config.ts";
import type { RuntimeChoice } from "../../config/schema.ts";
import type { RunningCoordinator } from "../../coordinator/index.ts";
import type { RunningNodeAgent } from "../../node/index.ts";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import { localUrl } from "../../platform/coordinator-file.ts";
import { createLog, type Log } from "../../platform/log.ts";
import { expandPath } from "../../platform/paths.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { NodeInfo } from "../../protocol/node.ts";
import { clientFlags } from "../client-flags.ts";
import { loadCliConfig } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { findTrust } from "../find-trust.ts";
import { noRuntimeFlags, parseRuntimeChoice, toMaxRunMs, toNodeRuntimes } from "../node-runtime.ts";
import { printResult } from "../print.ts";
import { runtimeText } from "../render/nodes.ts";
import { createPaint } from "../render/paint.ts";
import { tellConfig, warnOfOpenConfig, warnOfPlainHttp } from "../run-warnings.ts";
import { superviseRuntimes } from "../supervise-runtimes.ts";
import { toTlsSettings, usesTls } from "../tls-settings.ts";
import { untilAborted } from "../until-aborted.ts";

export interface UpFlags {
  readonly port?: number;
  readonly host?: string;
  readonly allowPrivate?: boolean;
  readonly dataDir?: string;
  readonly local?: readonly string[];
  readonly noLocal?: boolean;
  readonly gatewayModel?: string;
  readonly logJson?: boolean;
  readonly tls?: boolean;
  readonly cert?: string;
  readonly key?: string;
}

/** How long running answers may take after a signal. */
const stopDeadlineMs = 5000;
/** How long the local node may take after that to say goodbye and close its runtime. */
const leaveDeadlineMs = 1000;
/** The same with a gateway that is kept alive: OpenClaw finishes what it works on for up to 330 s. */
const leaveGatewayDeadlineMs = 345_000;

export async function runUp(this: CliContext, flags: UpFlags): Promise<void> {
  const localChoices = readLocalChoices(this, flags);
  const config = await loadCliConfig(this, configFlags(flags));
  const { host } = config.value.coordinator;
  const tls = toTlsSettings(this, config);
  const log = createLog({
    write: this.stderr.write,
    format: config.value.log.format,
    level: config.value.log.level,
  });
  tellConfig(this, config);
  await warnOfOpenConfig(config, log);

  const { startCoordinator } = await import("../../coordinator/index.ts");
  const coordinator = await startCoordinator({
    ...toCoordinatorSettings(config),
    seed: toSeedSettings(this, config),
    tls,
    version: this.version,
    log,
  });
  if (tls === null) warnOfPlainHttp(host, "coordinator", log);
  let local: RunningNodeAgent | null = null;
  try {
    local = await startLocalNode(this, { config, coordinator, log, choices: localChoices });
    if (!this.interrupt.aborted) await announce(this, { config, coordinator, local });
    await untilAborted(this.interrupt);
    log.info("stopping");
  } finally {
    await coordinator.drain(stopDeadlineMs);
    const leaving = local?.stop("the coordinator on this machine stops") ?? Promise.resolve();
    const limitMs = config.value.node.supervise ? leaveGatewayDeadlineMs : leaveDeadlineMs;
    await waitAtMost(leaving, { clock: this.clock, limitMs, otherwise: undefined });
    await coordinator.stop();
    // Nobody else would end the gateways that it has kept alive.
    if (config.value.node.supervise) await leaving;
  }
}

function toCoordinatorSettings({ value, dataDir, file, isFileOfFolder, originOf }: LoadedConfig) {
  const { host, port, token, allow_private, retention, allowed_hosts, limits } = value.coordinator;
  return {
    host,
    port,
    token,
    tokenFolderFile: isFileOfFolder && originOf("coordinator.token").kind === "file" ? file : null,
    dataDir,
    allowPrivate: allow_private,
    rules: [...value.rules],
    groups: { ...value.groups },
    retention: { days: retention.days, maxTasks: retention.max_tasks },
    allowedHosts: [...allowed_hosts],
    limits: {
      bodyBytes: limits.body_bytes,
      requestsPerClient: limits.requests_per_client,
      streams: limits.streams,
      streamsPerClient: limits.streams_per_client,
      linksPerClient: limits.links_per_client,
    },
  };
}

/** null: nothing is offered. */
function toSeedSettings(context: CliContext, { value }: LoadedConfig) {
  const { seed, openclaw_config, workspace_dir } = value.coordinator;
  if (!seed) return null;
  const absolute = (path: string | null) => (path === null ? null : expandPath(path, context));
  return { configFile: absolute(openclaw_config), workspaceDir: absolute(workspace_dir), env: context.env };
}

function configFlags(flags: UpFlags): readonly ConfigFlag[] {
  return [
    { path: "coordinator.port", flag: "--port", value: flags.port },
    { path: "coordinator.host", flag: "--host", value: flags.host },
    {
      path: "coordinator.allow_private",
      flag: "--allow-private",
      value: flags.allowPrivate === true ? true : undefined,
    },
    { path: "coordinator.data_dir", flag: "--data-dir", value: flags.dataDir },
    { path: "tls.enabled", flag: "--tls", value: flags.tls === true ? true : undefined },
    { path: "tls.cert_file", flag: "--cert", value: flags.cert },
    { path: "tls.key_file", flag: "--key", value: flags.key },
    { path: "node.gateway.model", flag: "--gateway-model", value: flags.gatewayModel },
    { path: "log.format", flag: "--log-json", value: flags.logJson === true ? "json" : undefined },
  ].filter(({ value }) => value !== undefined);
}

function readLocalChoices(context: CliContext, flags: UpFlags): readonly RuntimeChoice[] {
  if (flags.noLocal === true) return [];
  return (flags.local ?? ["auto"]).map((word) => parseRuntimeChoice(word, context.texts.up.badLocal));
}

interface LocalNodeOptions {
  readonly config: LoadedConfig;
  readonly coordinator: RunningCoordinator;
  readonly log: Log;
  readonly choices: readonly RuntimeChoice[];
}

/**
 * The node of this machine, with the first runtime of the list that is found; null when none is. `auto` stands for the runtimes
 * that the configuration lists.
 */
async function startLocalNode(
  context: CliContext,
  options: LocalNodeOptions,
): Promise<RunningNodeAgent | null> {
  const { config, coordinator, log } = options;
  const { node } = config.value;
  if (options.choices.length === 0) return null;
  const { startNodeAgent } = await import("../../node/index.ts");
  const url = localUrl(config.value.coordinator.host, { port: coordinator.port, isTls: usesTls(config) });
  for (const choice of options.choices) {
    const wanted = choice === "auto" ? null : [choice];
    const isFinding = wanted === null && node.runtimes.length === 0 && node.runtime === "auto";
    try {
      const wishes = toNodeRuntimes(config, { ...noRuntimeFlags, wanted }, context);
      return await startNodeAgent({
        coordinatorUrl: url,
        trust: (await findTrust(context, config, url)) ?? coordinator.trust,
        token: coordinator.token,
        invite: null,
        name: node.name ?? toNodeName(context.hostName),
        tags: [...node.tags],
        slots: node.slots,
        dataDir: config.dataDir,
        ...(node.supervise ? await superviseWhatCan(context, config, { log, wishes }) : { runtimes: wishes }),
        maxRunMs: toMaxRunMs(node),
        // The coordinator has waited for what runs.
        stopLimitMs: 0,
        version: context.version,
        log,
        env: context.env,
        signal: context.interrupt,
      });
    } catch (error) {
      if (context.interrupt.aborted && error === context.interrupt.reason) return null;
      if (!(error instanceof MeshError)) throw error;
      // That nothing was found by itself is no fault; that what was named cannot be used is.
      if (error.code !== "RUNTIME_NOT_FOUND" || !isFinding) {
        log.warn("no node on this machine", { code: error.code, reason: error.message, hint: error.hint });
        if (error.code !== "RUNTIME_NOT_FOUND") return null;
      }
    }
  }
  log.info("no AI runtime found on this machine; it takes no messages itself");
  return null;
}

/** A runtime that nobody keeps alive, as `echo`, is a runtime all the same. */
async function superviseWhatCan(...[context, config, options]: Parameters<typeof superviseRuntimes>) {
  try {
    return await superviseRuntimes(context, config, options);
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== "RUNTIME_NOT_FOUND") throw error;
    options.log.warn("no runtime of this node is kept alive", { reason: error.message });
    return { runtimes: options.wishes };
  }
}

interface Running {
  readonly config: LoadedConfig;
  readonly coordinator: RunningCoordinator;
  readonly local: RunningNodeAgent | null;
}

/** The start screen, on a terminal only: its join line holds a secret that must not get into a log. */
async function announce(context: CliContext, parts: Running): Promise<void> {
  const { coordinator, local } = parts;
  const { stdout, texts, globals } = context;
  const [address = localUrl("127.0.0.1", { port: coordinator.port, isTls: usesTls(parts.config) })] =
    coordinator.urls;
  if (globals.json) {
    const { meshId: mesh_id, port, urls } = coordinator;
    printResult(context, { ready: true, mesh_id, port, urls, node_id: local?.nodeId ?? null }, () => "");
    return;
  }
  if (!stdout.isTerminal) return;
  const paint = createPaint(stdout);
  const invite = await coordinator.createInvite();
  const lines = [
    "",
    paint("bold", texts.up.running(address)),
    local === null ? texts.up.noLocalNode : texts.up.localNode(local.name, localRuntime(context, local)),
    "",
    texts.up.join,
    `  ${paint("cyan", texts.invite.line(invite.urls[0] ?? address, invite.code))}`,
    "",
    ...pathLines(context),
    texts.up.tryNext,
    ...texts.up
      .next(
        clientFlags({
          config: parts.config,
          port: coordinator.port,
          names: coordinator.names,
          home: context.home,
        }),
      )
      .map((command) => `  ${paint("cyan", command)}`),
    "",
    paint("dim", texts.up.stop),
    "",
  ];
  stdout.write(`${lines.join("\n")}\n`);
}

/** How another terminal finds this program; nothing when it is on the path. */
function pathLines({ texts, env, programFile, stdout }: CliContext): readonly string[] {
  const isProgram = basename(programFile) === "claw-mesh";
  if (!isProgram || Bun.which("claw-mesh", { PATH: env.PATH ?? "" }) !== null) return [];
  return [texts.up.pathFirst, `  ${createPaint(stdout)("cyan", texts.up.path(dirname(programFile)))}`, ""];
}

function localRuntime(context: CliContext, local: RunningNodeAgent): string {
  const runtimes: readonly NodeInfo["runtimes"][number][] = local.selfTest.runtimes;
  if (runtimes.every(({ kind }) => kind === "echo")) return context.texts.up.echo;
  return runtimes.map(runtimeText).join(", ");
}
