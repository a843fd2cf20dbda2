import { join } from "node:path";
import type { CommandOutcome } from "./service-command.ts";
import { parseServiceName, type ServiceId, type ServiceScope, serviceName } from "./service-id.ts";
import {
  may,
  must,
  type ServiceCondition,
  type ServiceManager,
  type ServiceState,
} from "./service-manager.ts";
import { renderSystemdUnit, unitMark } from "./systemd-unit.ts";

const ending = ".service";
const systemFolder = "/etc/systemd/system";

/** What `is-system-running` says where systemd is in charge; elsewhere it says `offline`, or cannot be asked. */
const inCharge = new Set(["initializing", "starting", "running", "degraded", "maintenance"]);

const shownProperties = [
  "LoadState",
  "ActiveState",
  "SubState",
  "MainPID",
  "NRestarts",
  "UnitFileState",
  "ActiveEnterTimestamp",
  "Result",
];

export interface SystemdOptions {
  readonly scope: ServiceScope;
  /** XDG_CONFIG_HOME or `~/.config`. */
  readonly configHome: string;
  /** For system units; default `/etc/systemd/system`. */
  readonly systemFolder?: string;
}

export function createSystemdManager(options: SystemdOptions): ServiceManager {
  const { scope } = options;
  const isUser = scope === "user";
  const folder = isUser
    ? join(options.configHome, "systemd", "user")
    : (options.systemFolder ?? systemFolder);
  const systemctl = isUser ? ["systemctl", "--user"] : ["systemctl"];
  const unit = (id: ServiceId) => `${serviceName(id)}${ending}`;
  return {
    kind: "systemd",
    scope,
    folder,
    mark: unitMark,
    fileOf: (id) => join(folder, unit(id)),
    idOf: (fileName) =>
      fileName.endsWith(ending) ? parseServiceName(fileName.slice(0, -ending.length)) : null,
    render: renderSystemdUnit,
    dataDirOf: (text) => /^WorkingDirectory=(.+)$/m.exec(text)?.[1]?.replaceAll("%%", "%") ?? null,
    askAvailable: [...systemctl, "is-system-running"],
    isAvailable: ({ stdout }) => inCharge.has(stdout.trim()),
    planInstalled: (id, hasChanged) => [
      ...(hasChanged ? [must(...systemctl, "daemon-reload")] : []),
      must(...systemctl, "enable", unit(id)),
      // Somebody who installs again wants it to run, also after it had failed too often.
      may(...systemctl, "reset-failed", unit(id)),
      must(...systemctl, hasChanged ? "restart" : "start", unit(id)),
    ],
    planStart: (id) => [may(...systemctl, "reset-failed", unit(id)), must(...systemctl, "start", unit(id))],
    planStop: (id) => [must(...systemctl, "stop", unit(id))],
    planRemove: (id) => ({
      before: [must(...systemctl, "disable", "--now", unit(id))],
      after: [must(...systemctl, "daemon-reload"), may(...systemctl, "reset-failed", unit(id))],
    }),
    askState: (id) => [...systemctl, "show", unit(id), `--property=${shownProperties.join(",")}`],
    readState: readSystemdState,
    showLogs: (id, { lines, follow }) => [
      "journalctl",
      ...(isUser ? ["--user"] : []),
      `--unit=${unit(id)}`,
      `--lines=${lines}`,
      "--no-pager",
      "--output=short-iso",
      ...(follow ? ["--follow"] : []),
    ],
  };
}

/** Lines of `systemctl show`, each `Key=value`. */
export function readSystemdState({ stdout }: Pick<CommandOutcome, "stdout">): ServiceState {
  const values = new Map(
    stdout.split("\n").flatMap((line): readonly (readonly [string, string])[] => {
      const at = line.indexOf("=");
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()]];
    }),
  );
  const value = (key: string) => values.get(key) ?? "";
  const pid = Number(value("MainPID"));
  const file = value("UnitFileState");
  const result = value("Result");
  const active = value("ActiveState");
  return {
    condition: toCondition(active, value("SubState")),
    detail: `${active} (${value("SubState")}${result === "" || result === "success" ? "" : `, ${result}`})`,
    pid: pid > 0 ? pid : null,
    restarts: /^\d+$/.test(value("NRestarts")) ? Number(value("NRestarts")) : null,
    isEnabled: file === "" ? null : file.startsWith("enabled"),
    since: active === "active" && value("ActiveEnterTimestamp") !== "" ? value("ActiveEnterTimestamp") : null,
  };
}

function toCondition(active: string, sub: string): ServiceCondition {
  switch (active) {
    case "active":
      return sub === "running" ? "running" : "starting";
    case "activating":
    case "reloading":
      return "starting";
    case "deactivating":
      return "stopping";
    case "failed":
      return "failed";
    case "inactive":
      return "stopped";
    default:
      return "unknown";
  }
}
