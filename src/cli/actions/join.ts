import { toNodeName } from "../../config/initial-config.ts";
import type { ConfigFlag, LoadedConfig } from "../../config/load-config.ts";
import type { DirectSettings, NodeAgentStatus, RunningNodeAgent } from "../../node/index.ts";
import { createLog, type Log } from "../../platform/log.ts";
import { errorCatalogue, MeshError } from "../../protocol/errors.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import type { Secret } from "../../protocol/secret.ts";
import { invitePrefix } from "../../protocol/token-prefix.ts";
import { autoInstall, previewAutoInstall } from "../auto-install.ts";
import { loadCliConfig, parseCoordinatorUrl } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { findTrust } from "../find-trust.ts";
import { findLocalToken } from "../local-token.ts";
import {
  parseRuntimeChoices,
  parseRuntimeCommand,
  type RuntimeFlags,
  toMaxRunMs,
  toNodeRuntimes,
} from "../node-runtime.ts";
import { printNote, printResult } from "../print.ts";
import type { ProvisionFlags } from "../provision-flags.ts";
import { runtimeText } from "../render/nodes.ts";
import { toSafeLine } from "../render/safe-text.ts";
import { tellConfig, warnOfOpenConfig, warnOfPlainHttp } from "../run-warnings.ts";
import { superviseRuntimes } from "../supervise-runtimes.ts";
import { untilAborted } from "../until-aborted.ts";

export interface JoinFlags extends ProvisionFlags {
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly slots?: number;
  readonly noGateway?: boolean;
  readonly runtime?: readonly string[];
  readonly gatewayEndpoint?: string;
  readonly gatewayToken?: Secret;
  readonly gatewayModel?: string;
  readonly gatewayTimeout?: number;
  readonly dataDir?: string;
  readonly logJson?: boolean;
  readonly listen?: string;
  readonly endpoint?: string;
  readonly noSyncConfig?: boolean;
  readonly syncConfig?: boolean;
  readonly runtimeCommand?: string;
  readonly approvals?: "deny" | "fail" | "allow";
  readonly supervise?: boolean;
  readonly autoInstall?: boolean;
}

export async function runJoin(this: CliContext, flags: JoinFlags, address: string): Promise<void> {
  const { texts } = this;
  const asked = parseCoordinatorUrl(this, address);
  const runtimeFlags = toRuntimeFlags(this, flags);
  const config = await loadCliConfig(this, configFlags(this, flags));
  const { node, log: logSettings } = config.value;
  const wishes = toNodeRuntimes(config, runtimeFlags, this);
  if (flags.dryRun === true) return await previewAutoInstall(this, config, { flags, wishes });
  const log = createLog({ write: this.stderr.write, format: logSettings.format, level: logSettings.level });
  tellConfig(this, config);
  await warnOfOpenConfig(config, log);
  const { url, secret } = await findSecret(config, asked);
  const isInvite = secret?.reveal().startsWith(invitePrefix) === true;
  const name = node.name ?? toNodeName(this.hostName);
  const { protocol, hostname } = new URL(url);
  if (protocol === "http:") warnOfPlainHttp(hostname, "node", log);

  // Before anything is installed or started: what fails later leaves it behind.
  const trust = await findTrust(this, config, url);
  const { startNodeAgent } = await import("../../node/index.ts");
  let agent: RunningNodeAgent;
  try {
    const provided =
      flags.autoInstall === true ? await autoInstall(this, config, { flags, wishes, log }) : wishes;
    agent = await startNodeAgent({
      coordinatorUrl: url,
      token: isInvite ? null : secret,
      invite: isInvite ? secret : null,
      name,
      tags: [...node.tags],
      slots: node.slots,
      dataDir: config.dataDir,
      ...(node.supervise
        ? await superviseRuntimes(this, config, { log, wishes: provided })
        : { runtimes: provided }),
      maxRunMs: toMaxRunMs(node),
      version: this.version,
      log,
      env: this.env,
      trust,
      direct: directSettings(flags, node.endpoint),
      syncConfig: node.sync_config ? (flags.syncConfig === true ? "now" : "once") : null,
      signal: this.interrupt,
      onStatus: createStatusLog(log),
    });
  } catch (error) {
    // Stopped before the first welcome: what was asked for has happened.
    if (this.interrupt.aborted && error === this.interrupt.reason) return;
    throw error;
  }
  const { selfTest } = agent;
  printResult(this, { url, name: agent.name, ...toSelfTestJson(selfTest) }, () =>
    selfTestLine(this, url, agent),
  );
  const ended = await Promise.race([untilAborted(this.interrupt), agent.done]);
  await agent.stop("the node is stopped");
  if (ended === undefined) return;
  if (ended.error !== null) throw ended.error;
  printNote(this, texts.join.ended(ended.reason));
}

/** Tells once that the coordinator is not reached, until it was. */
function createStatusLog(log: Log): (status: NodeAgentStatus) => void {
  let isReached = true;
  return (status) => {
    if (status.state === "linked") isReached = true;
    if (status.state !== "unreachable" || !isReached) return;
    isReached = false;
    const { code, message: reason, hint } = status.error;
    // What the catalogue says of the code is too general to help somebody who waits.
    const isExact = hint !== errorCatalogue[code].hint;
    log.warn("coordinator not reached; trying again", { code, reason, ...(isExact ? { hint } : {}) });
  };
}

function toRuntimeFlags({ texts }: CliContext, flags: JoinFlags): RuntimeFlags {
  const isForInstall = flags.dryRun === true || flags.runtimeVersion !== undefined;
  if (isForInstall && flags.autoInstall !== true)
    throw new MeshError("USAGE", texts.provision.needsAutoInstall);
  const { runtime, runtimeCommand, approvals = null } = flags;
  const wanted = runtime === undefined ? null : parseRuntimeChoices(runtime, texts.join.badRuntime);
  if (flags.noGateway === true && wanted !== null && wanted.join() !== "echo") {
    throw new MeshError("USAGE", texts.join.twoRuntimes);
  }
  return {
    wanted: flags.noGateway === true ? ["echo"] : wanted,
    command: runtimeCommand === undefined ? null : parseRuntimeCommand(runtimeCommand),
    approvals,
  };
}

function configFlags({ texts }: CliContext, flags: JoinFlags): readonly ConfigFlag[] {
  if (flags.name === "") throw new MeshError("USAGE", texts.errors.missingValue("name"));
  return [
    { path: "node.name", flag: "--name", value: flags.name },
    { path: "node.tags", flag: "--tags", value: flags.tags },
    { path: "node.endpoint", flag: "--endpoint", value: flags.endpoint },
    { path: "node.slots", flag: "--slots", value: flags.slots },
    { path: "node.supervise", flag: "--supervise", value: flags.supervise },
    { path: "node.gateway.endpoint", flag: "--gateway-endpoint", value: flags.gatewayEndpoint },
    { path: "node.gateway.token", flag: "--gateway-token", value: flags.gatewayToken?.reveal() },
    { path: "node.gateway.model", flag: "--gateway-model", value: flags.gatewayModel },
    { path: "node.gateway.timeout", flag: "--gateway-timeout", value: flags.gatewayTimeout },
    {
      path: "node.sync_config",
      flag: "--no-sync-config",
      value: flags.noSyncConfig === true ? false : undefined,
    },
    { path: "node.sync_config", flag: "--sync-config", value: flags.syncConfig === true ? true : undefined },
    { path: "coordinator.data_dir", flag: "--data-dir", value: flags.dataDir },
    { path: "log.format", flag: "--log-json", value: flags.logJson === true ? "json" : undefined },
  ].filter(({ value }) => value !== undefined);
}

/** Either flag asks for the direct transport; an endpoint of the file counts only where there is no link. */
function directSettings(flags: JoinFlags, endpoint: string | null): DirectSettings {
  const isWanted = flags.listen !== undefined || flags.endpoint !== undefined;
  return { isWanted, listen: flags.listen ?? null, endpoint };
}

/** A token or an invite; null when the node has to do with its own token from an earlier join. */
async function findSecret(
  config: LoadedConfig,
  url: string,
): Promise<{ readonly url: string; readonly secret: Secret | null }> {
  const given = config.value.coordinator.token;
  if (given !== null) return { url, secret: given };
  const local = await findLocalToken(config.dataDir, url);
  return local === null ? { url, secret: null } : { url: local.url, secret: local.token };
}

function toSelfTestJson({ reached, authenticated, runtimes, slots, nodeId }: RunningNodeAgent["selfTest"]) {
  return { node_id: nodeId, reached, authenticated, runtimes, slots };
}

/** `Joined http://… as "mac" (node_…): coordinator reached, token accepted, runtime echo ready, 4 slots` */
function selfTestLine(context: CliContext, url: string, agent: RunningNodeAgent): string {
  const { join } = context.texts;
  const { reached, authenticated, runtimes, slots } = agent.selfTest;
  const head = join.joined(url, agent.name, agent.nodeId);
  const parts = [
    join.reached(reached),
    join.authenticated(authenticated),
    ...(runtimes.length === 0 ? [join.noRuntime] : runtimes.map((runtime) => runtimeLine(context, runtime))),
    join.slots(slots),
  ];
  return `${toSafeLine(head)}: ${toSafeLine(parts.join(", "))}`;
}

function runtimeLine(context: CliContext, runtime: RuntimeStatus): string {
  const { join } = context.texts;
  return runtime.ready
    ? join.runtimeReady(runtimeText(runtime))
    : join.runtimeNotReady(runtimeText(runtime), runtime.reason ?? "");
}
