import { join } from "node:path";
import { launchdLabel, plistMark, renderLaunchdPlist } from "./launchd-plist.ts";
import { readPlistText } from "./property-list.ts";
import type { CommandOutcome } from "./service-command.ts";
import { parseServiceName, type ServiceId, type ServiceScope } from "./service-id.ts";
import { may, must, type ServiceManager, type ServiceState, type ServiceStep } from "./service-manager.ts";
import { longestStopS } from "./service-spec.ts";

const ending = ".plist";
const daemonFolder = "/Library/LaunchDaemons";

export interface LaunchdOptions {
  readonly scope: ServiceScope;
  readonly home: string;
  /** Number of the user, whose session a LaunchAgent belongs to. */
  readonly uid: number;
}

/** A stopped service is unloaded: as long as it is loaded, launchd starts it again. */
export function createLaunchdManager({ scope, home, uid }: LaunchdOptions): ServiceManager {
  const isUser = scope === "user";
  const folder = isUser ? join(home, "Library", "LaunchAgents") : daemonFolder;
  const domain = isUser ? `gui/${uid}` : "system";
  const target = (id: ServiceId) => `${domain}/${launchdLabel(id)}`;
  const fileOf = (id: ServiceId) => join(folder, `${launchdLabel(id)}${ending}`);
  const load = (id: ServiceId) => [
    must("launchctl", "enable", target(id)),
    // Fails when it is loaded already.
    may("launchctl", "bootstrap", domain, fileOf(id)),
    must("launchctl", "kickstart", target(id)),
  ];
  const unload = (id: ServiceId): readonly ServiceStep[] => [
    may("launchctl", "bootout", target(id)),
    // It returns before the process has ended, and until then nothing of that name can be loaded.
    { command: ["launchctl", "print", target(id)], mayFail: true, untilFailsS: longestStopS },
  ];
  return {
    kind: "launchd",
    scope,
    folder,
    mark: plistMark,
    fileOf,
    idOf: (fileName) => {
      if (!fileName.endsWith(ending)) return null;
      const label = fileName.slice(0, -ending.length);
      const id = parseServiceName(
        label.replace(/^claw-mesh\.(coordinator|node)\.?/, "claw-mesh-$1-").replace(/-$/, ""),
      );
      return id !== null && launchdLabel(id) === label ? id : null;
    },
    render: renderLaunchdPlist,
    dataDirOf: (text) => readPlistText(text, "WorkingDirectory"),
    askAvailable: ["launchctl", "managername"],
    isAvailable: ({ exitCode }) => exitCode === 0,
    planInstalled: (id, hasChanged) => [...(hasChanged ? unload(id) : []), ...load(id)],
    planStart: load,
    planStop: unload,
    planRemove: (id) => ({ before: unload(id), after: [] }),
    askState: (id) => ["launchctl", "print", target(id)],
    readState: readLaunchdState,
    showLogs: () => null,
  };
}

/** Lines of `launchctl print`, each `key = value`; the first of a key is the service's own. Not loaded: another exit code. */
export function readLaunchdState({ exitCode, stdout }: CommandOutcome): ServiceState {
  const value = (key: string) => new RegExp(`^\\s*${key} = (.+)$`, "m").exec(stdout)?.[1]?.trim() ?? null;
  if (exitCode !== 0) {
    return {
      condition: "stopped",
      detail: "not loaded",
      pid: null,
      restarts: null,
      isEnabled: null,
      since: null,
    };
  }
  const pid = Number(value("pid"));
  const runs = Number(value("runs"));
  const lastExit = value("last exit code");
  const isRunning = value("state") === "running";
  return {
    condition: isRunning
      ? "running"
      : lastExit === null || /^(0|\(never exited\))$/.test(lastExit)
        ? "stopped"
        : "failed",
    detail: `${value("state") ?? "unknown"}${lastExit === null ? "" : `, last exit code ${lastExit}`}`,
    pid: pid > 0 ? pid : null,
    restarts: runs > 0 ? runs - 1 : null,
    isEnabled: true,
    since: null,
  };
}
