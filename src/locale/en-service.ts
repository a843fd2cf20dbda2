/** Help of `claw-mesh service`. */
export const serviceCommandTexts = {
  service: { brief: "Run the coordinator or a node as a service of this machine (systemd, launchd)" },
  serviceInstall: {
    brief: "Install and start a service",
    full: "Writes a unit for systemd or launchd that runs claw-mesh up (coordinator) or claw-mesh join (node) with the arguments behind --, enables it and starts it. As root a service of the system, else of the user. A token or an invite goes into a file for the service alone, never into the unit. A second installation changes what is different and starts the service again.",
    examples: [
      "claw-mesh service install coordinator -- --tls",
      "claw-mesh service install node http://vps:9180 --token-file invite.txt -- --tags gpu",
      "sudo claw-mesh service install node https://vps:9180 --run-as ann --name gpu-box",
      "claw-mesh service install node http://vps:9180 --dry-run",
    ],
    arguments: {
      words: "coordinator, or node and the coordinator's address; behind --, arguments of up or join",
    },
    flags: {
      name: "Name of the node and of its service [host name]",
      user: "Service of this user",
      system: "Service of the system, as root",
      runAs: "User that a service of the system runs as [root, with sudo whoever calls it]",
      dryRun: "Print the unit and the commands, change nothing",
    },
  },
  serviceStart: {
    brief: "Start an installed service",
    full: "Starts a service that was installed.",
    examples: ["claw-mesh service start node --name gpu-box"],
  },
  serviceStop: {
    brief: "Stop a service until its next start",
    full: "Stops a service: a node lets its runs finish, for half a minute. It starts again with the machine; uninstall keeps it away.",
    examples: ["claw-mesh service stop coordinator"],
  },
  serviceStatus: {
    brief: "Show what runs as a service",
    full: "Shows all installed services, or one.",
    examples: ["claw-mesh service status", "claw-mesh service status node --json"],
  },
  serviceLogs: {
    brief: "Show what a service wrote",
    full: "Shows the end of the log of a service: from the journal, on macOS from its log file.",
    examples: ["claw-mesh service logs coordinator --lines 200", "claw-mesh service logs node --follow"],
    flags: { follow: "Go on as it grows", lines: "Lines from the end [50]" },
  },
  serviceUninstall: {
    brief: "Stop a service and remove its unit",
    full: "Stops a service and removes its unit. Data, identity and token stay where they are.",
    examples: ["claw-mesh service uninstall node --name gpu-box"],
  },
  serviceRole: "coordinator or node [the only one that is installed]",
  serviceName: "Name that the node's service was installed with",
};

/** What `claw-mesh service` prints. */
export const serviceTexts = {
  badRole: (word: string) => `"${word}" is no kind of service; choose coordinator or node`,
  missingRole: "say what to install: coordinator or node",
  missingUrl: "say which mesh the node joins: claw-mesh service install node <url>",
  nameTwice: "--name is given twice",
  nameOfCoordinator: "a coordinator has no --name",
  bothScopes: "choose one of --user and --system",
  runAsUser: "--run-as is for services of the system",
  which: (names: readonly string[]) => `several services are installed: ${names.join(", ")}`,
  whichHint: "Say which one: coordinator, node, or node --name <name>",
  notInstalled: (name: string, scope: string) => `${name} is not installed as a ${scope} service`,
  none: (scope: string) => `No ${scope} services are installed.`,

  installed: (name: string, file: string) => `Service ${name} installed: ${file}`,
  changed: (name: string, file: string) => `Service ${name} changed and started again: ${file}`,
  unchanged: (name: string) => `Service ${name} is installed already; nothing has changed`,
  credential: (file: string) =>
    `The token is in ${file}, for the service alone. Once the node has joined it uses a token of its own.`,
  lingerHint: (user: string) =>
    `It runs while ${user} is logged in. To start it with the machine: sudo loginctl enable-linger ${user}`,
  rootHint: "It runs as root, and so does what its AI runtime does. For another user: --run-as <user>",
  uninstalled: (name: string, file: string) => `Service ${name} stopped and removed: ${file}`,
  dataStays: (folder: string) => `Data stays in ${folder}`,
  notRunning: (name: string, state: string) => `${name} was started and does not stay up: ${state}`,
  seeLogs: (words: string) => `See why with: claw-mesh service logs ${words}`,
  noLog: (file: string) => `nothing was written to ${file} so far`,
  noJournal: "journalctl could not be run",

  wouldWrite: (file: string, mode: string) => `# would write ${file} (${mode})`,
  wouldWriteToken: (file: string) => `# would write the token to ${file} (600), not shown`,
  wouldRun: "# would run",
  commandMayFail: "# may fail",

  states: {
    running: "running",
    starting: "starting",
    stopping: "stopping",
    stopped: "stopped",
    failed: "failed",
    unknown: "unknown",
  },
  pid: (pid: number) => `process ${pid}`,
  since: (when: string) => `since ${when}`,
  restarts: (count: number) => (count === 1 ? "restarted once" : `restarted ${count} times`),
  enabled: "starts by itself",
  disabled: "does not start by itself",
};
