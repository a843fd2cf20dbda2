import { type PlistValue, renderPropertyList } from "./property-list.ts";
import { type ServiceId, serviceName } from "./service-id.ts";
import { openFiles, restartS, type ServiceSpec, stopLimitS } from "./service-spec.ts";

/** Stands in every property list of ours: a file without it is somebody else's, and left alone. */
export const plistMark = "Written by: claw-mesh service install";

/** umask 0077: launchd takes it as a number. */
const privateUmask = 0o077;

/**
 * `claw-mesh.node.gpu-box`
 * @throws MeshError USAGE for a node name that no service can have
 */
export function launchdLabel(id: ServiceId): string {
  return serviceName(id).replace(/^claw-mesh-(coordinator|node)-?/, (_, role: string) =>
    id.node === null ? `claw-mesh.${role}` : `claw-mesh.${role}.`,
  );
}

/** The LaunchAgent or LaunchDaemon as text. launchd keeps no journal, so output goes to the log file. */
export function renderLaunchdPlist(spec: ServiceSpec): string {
  const { runAs, searchPath } = spec;
  const environment: Record<string, string> = {
    ...(searchPath === null ? {} : { PATH: searchPath }),
    ...(runAs === null ? {} : { HOME: runAs.home }),
  };
  const value: PlistValue = {
    Label: launchdLabel(spec.id),
    ProgramArguments: [spec.program, ...spec.args],
    WorkingDirectory: spec.dataDir,
    ...(runAs === null ? {} : { UserName: runAs.name }),
    ...(Object.keys(environment).length === 0 ? {} : { EnvironmentVariables: environment }),
    RunAtLoad: true,
    // It knows no exit codes that are final; what ends in order was asked to.
    KeepAlive: { SuccessfulExit: false },
    ThrottleInterval: restartS,
    ExitTimeOut: stopLimitS(spec),
    Umask: privateUmask,
    SoftResourceLimits: { NumberOfFiles: openFiles },
    // Without it macOS slows what nobody looks at.
    ProcessType: "Interactive",
    StandardOutPath: spec.logFile,
    StandardErrorPath: spec.logFile,
  };
  return renderPropertyList(value, plistMark);
}
