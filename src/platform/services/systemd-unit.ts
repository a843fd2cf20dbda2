import {
  checkUnitText,
  openFiles,
  restartS,
  type ServiceSpec,
  startLimit,
  stopLimitS,
} from "./service-spec.ts";
import { quoteArgument, quoteProgram, quoteWord, wholePath } from "./systemd-quoting.ts";

/** The first line of every unit of ours: a file without it is somebody else's, and left alone. */
export const unitMark = "# Written by: claw-mesh service install";

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
    ["EnvironmentFile", `-${wholePath(spec.environmentFile)}`],
    ["Restart", "always"],
    ["RestartSec", String(restartS)],
    // Wrong arguments stay wrong.
    ["RestartPreventExitStatus", "2"],
    // The agent alone is asked to end, so that it stops its gateways in order; what is left afterwards is killed.
    ["KillMode", "mixed"],
    ["TimeoutStopSec", String(stopLimitS(spec))],
    ["UMask", "0077"],
    ["LimitNOFILE", String(openFiles)],
  ];
}

/**
 * What a service is kept from. A node runs AI runtimes and what they run, which need the home, the devices and at times
 * sudo: there is nothing to take from it. The user's manager cannot set up most of these without privileges.
 */
function hardening({ id, scope, dataDir, isSealed }: ServiceSpec): readonly Setting[] {
  if (id.role === "node") return [];
  const light: readonly Setting[] = [["NoNewPrivileges", "yes"]];
  if (scope === "user") return light;
  if (!isSealed) return [...light, ["ProtectSystem", "full"]];
  return [
    ...light,
    ["ProtectSystem", "strict"],
    ["ProtectHome", "read-only"],
    ["ReadWritePaths", quoteWord(checkUnitText(dataDir, "the data directory"))],
    ["PrivateTmp", "yes"],
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
