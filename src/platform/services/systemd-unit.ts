import {
  checkUnitText,
  openFiles,
  restartS,
  type ServiceSpec,
  startLimit,
  stopLimitS,
} from "./service-spec.ts";
import { globPath, quoteArgument, quoteProgram, quoteWord, wholePath } from "./systemd-quoting.ts";

/** The first line of every unit of ours: a file without it is somebody else's, and left alone. */
export const unitMark = "# Written by: claw-mesh service install";

/** Wrong arguments (2), a credential that is refused (4) and a node that was removed (5) stay so until a person acts. */
const finalExitCodes = [2, 4, 5];

/** Of which a private one would hide the data directory in it. */
const temporaryFolders = ["/tmp", "/var/tmp"];

type Setting = readonly [key: string, value: string];

/** The unit as text. Pure: the same service, the same unit, so that a second installation finds nothing to do. */
export function renderSystemdUnit(spec: ServiceSpec): string {
  const { id, scope } = spec;
  const isSystem = scope === "system";
  const what = id.node === null ? id.role : `${id.role} ${checkUnitText(id.node, "the name")}`;
  const sections: readonly (readonly [string, readonly Setting[]])[] = [
    [
      "Unit",
      [
        ["Description", `claw-mesh ${what}`],
        // The user's manager has no such target; a node dials until it gets through anyway.
        ...(isSystem
          ? ([
              ["Wants", "network-online.target"],
              ["After", "network-online.target"],
            ] as const)
          : []),
        ["StartLimitIntervalSec", String(startLimit.withinS)],
        ["StartLimitBurst", String(startLimit.count)],
      ],
    ],
    ["Service", [...processSettings(spec), ...hardening(spec)]],
    ["Install", [["WantedBy", isSystem ? "multi-user.target" : "default.target"]]],
  ];
  const text = sections.map(([name, settings]) =>
    [`[${name}]`, ...settings.map(([key, value]) => `${key}=${value}`), ""].join("\n"),
  );
  return [
    unitMark,
    "# The next installation writes it anew. What you add belongs into a drop-in: systemctl edit",
    "",
    ...text,
  ].join("\n");
}

function processSettings(spec: ServiceSpec): readonly Setting[] {
  const { runAs, searchPath } = spec;
  return [
    // Started only counts when the program could be executed.
    ["Type", "exec"],
    ["ExecStart", [quoteProgram(spec.program), ...spec.args.map(quoteArgument)].join(" ")],
    ["WorkingDirectory", wholePath(spec.dataDir)],
    ...(runAs === null ? [] : ([["User", checkUnitText(runAs.name, "the user")]] as const)),
    ...(searchPath === null
      ? []
      : ([["Environment", quoteWord(`PATH=${checkUnitText(searchPath, "PATH")}`)]] as const)),
    // The dash: it may be missing.
    ["EnvironmentFile", `-${globPath(spec.environmentFile)}`],
    // Whoever ends in order was asked to: by its user, or by the coordinator, as in a drain.
    ["Restart", "on-failure"],
    ["RestartSec", String(restartS)],
    ["RestartPreventExitStatus", finalExitCodes.join(" ")],
    // What an AI runtime starts may be too large; the agent then reports it, and goes on.
    ["OOMPolicy", "continue"],
    // The agent alone is asked to end, so that it stops its gateways in order; what is left afterwards is killed.
    ["KillMode", "mixed"],
    ["TimeoutStopSec", String(stopLimitS(spec))],
    ["UMask", "0077"],
    ["LimitNOFILE", String(openFiles)],
  ];
}

/**
 * What a service is kept from. A node, also one in a coordinator, runs AI runtimes and what they run, which need the home,
 * the devices and at times sudo: there is nothing to take from it. The user's manager cannot set up most of these without
 * privileges.
 */
function hardening({ scope, dataDir, isSealed }: ServiceSpec): readonly Setting[] {
  if (!isSealed) return [];
  const light: readonly Setting[] = [["NoNewPrivileges", "yes"]];
  if (scope === "user") return light;
  const isTemporary = temporaryFolders.some((folder) => `${dataDir}/`.startsWith(`${folder}/`));
  return [
    ...light,
    ["ProtectSystem", "strict"],
    ["ProtectHome", "read-only"],
    ["ReadWritePaths", quoteWord(checkUnitText(dataDir, "the data directory"))],
    ...(isTemporary ? [] : ([["PrivateTmp", "yes"]] as const)),
    ["PrivateDevices", "yes"],
    ["ProtectKernelTunables", "yes"],
    ["ProtectKernelModules", "yes"],
    ["ProtectKernelLogs", "yes"],
    ["ProtectControlGroups", "yes"],
    ["ProtectClock", "yes"],
    ["RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"],
    ["RestrictNamespaces", "yes"],
    ["RestrictRealtime", "yes"],
    ["RestrictSUIDSGID", "yes"],
    ["LockPersonality", "yes"],
    ["SystemCallArchitectures", "native"],
  ];
}
