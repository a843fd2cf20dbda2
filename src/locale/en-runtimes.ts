/** `runtime start`, `runtime stop`, `runtime logs` and `join --supervise`. */
const gatewayTexts = {
  start: {
    notStartable: (word: string) =>
      `"${word}" has no gateway that is started here; it is openclaw or zeroclaw`,
    waiting: (kind: string) => `Starting the gateway of ${kind}; it takes messages in a moment ...`,
    started: (kind: string, endpoint: string, pid: number) =>
      `The gateway of ${kind} takes messages at ${endpoint} (process ${pid}).`,
    alreadyRunning: (kind: string, endpoint: string) =>
      `The gateway of ${kind} was running already, at ${endpoint}.`,
  },
  stop: {
    waiting: (kind: string) => `The gateway of ${kind} finishes what it works on; that may take minutes ...`,
    stopped: (kind: string) => `The gateway of ${kind} has stopped.`,
    notOurs: (kind: string) => `No gateway of ${kind} that claw-mesh started is running.`,
    notOursHint: "One that somebody else started is ended by whoever did, such as its service.",
  },
  logs: {
    tooMany: (most: number) => `--lines: at most ${most}`,
    followAsJson: "--follow and --json exclude each other",
    none: (kind: string) => `There is no log of a gateway of ${kind}: claw-mesh has started none.`,
    noneHint: (kind: string) => `Start it with: claw-mesh runtime start ${kind}`,
  },
  supervise: {
    nothing: "There is no gateway on this machine that could be kept alive.",
    nothingHint: "Install one with: claw-mesh runtime install, or leave out --supervise.",
  },
};

/** `runtime list` and `runtime probe`. */
const findingTexts = {
  list: {
    headers: {
      product: "RUNTIME",
      kind: "KIND",
      version: "VERSION",
      state: "STATE",
      where: "ADDRESS OR PROGRAM",
    },
    states: { ready: "ready", stopped: "stopped", not_ready: "not ready" },
    none: "No AI runtime was found on this machine.",
    problem: (name: string, message: string, remedy: string) => `${name}: ${message}. What to do: ${remedy}`,
    uses: (name: string, because: string) => `A node here would use ${name}: ${because}.`,
    usesNone: "A node here would find no runtime.",
    because: {
      set_up: "it is set up here, and the node is ready as soon as it is started",
      only_ready: "it is the only one that is ready",
      preferred: "of those that are ready, it comes first in the order of preference",
      not_ready: "none is ready, and it runs already",
    },
    configured: (kinds: string) => `The configuration names the runtimes of a node here: ${kinds}.`,
    install: (name: string, because: string) =>
      `claw-mesh runtime install would install ${name}: ${because}.`,
    installNone: (because: string) => `Neither OpenClaw nor ZeroClaw can be installed here: ${because}.`,
  },
  probe: {
    ready: (name: string, where: string) => `${name} at ${where} takes messages.`,
    notReady: (name: string, where: string, reason: string) =>
      `${name} at ${where} does not take messages: ${reason}`,
    load: (active: number, queued: number) => `It works on ${active} and has ${queued} waiting.`,
    slots: (slots: number) => `It works on ${slots} at once.`,
    remedy: (remedy: string) => `What to do: ${remedy}`,
    nothing: (name: string) => `Nothing called "${name}" was found on this machine.`,
    nothingAtAll: "No AI runtime was found on this machine.",
    nothingHint: "claw-mesh runtime list shows what there is; claw-mesh runtime install installs one.",
  },
};

/** Finding, installing and running AI runtimes, as commands speak of it. */
export const runtimeTexts = {
  ...gatewayTexts,
  ...findingTexts,
  flags: {
    dryRun: "Print every step and change nothing",
    runtimeVersion: "Version to install [the one this program was tested with]",
    apiProvider: "Who computes the answers: anthropic, openai or custom [by the key that is found]",
    apiKey: "Key of the provider [CLAW_MESH_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, else asked for]",
    apiKeyFile: "File with the key: other users see what a command line holds",
    apiBase: "Address of the provider's API, such as http://127.0.0.1:11434/v1 [the provider's own]",
    apiModel: "Model [a default of the provider]",
  },
};

export const runtimeCommandTexts = {
  runtime: { brief: "AI runtimes of this machine: list, probe, install, start, stop, logs" },
  runtimeList: {
    brief: "List the AI runtimes of this machine",
    full: "Lists what was found on this machine, whether it takes messages, and which one a node would use, and why. Starts nothing.",
    examples: ["claw-mesh runtime list", "claw-mesh runtime list --json"],
  },
  runtimeProbe: {
    brief: "Ask a runtime what it is and whether it takes messages",
    full: "Asks one runtime, by name or address, as a node would: version, readiness, slots.",
    examples: ["claw-mesh runtime probe openclaw", "claw-mesh runtime probe http://127.0.0.1:11434"],
    arguments: { runtime: "Name or address [what a node would use]" },
  },
  runtimeInstall: {
    brief: "Install a runtime on this machine",
    full: "Installs OpenClaw or ZeroClaw for this user, sets it up and starts its gateway. Without a name, the one that this machine is good for.",
    examples: [
      "claw-mesh runtime install --dry-run",
      "claw-mesh runtime install openclaw --api-provider anthropic --api-key-file ~/key",
    ],
    arguments: { runtime: "openclaw or zeroclaw [what this machine is good for]" },
    flags: { noStart: "Install and set up only" },
  },
  runtimeStart: {
    brief: "Start the gateway of a runtime",
    full: "Starts the gateway of an installed runtime in the background and waits until it takes messages.",
    examples: ["claw-mesh runtime start openclaw"],
    arguments: { runtime: "openclaw or zeroclaw" },
  },
  runtimeStop: {
    brief: "Stop a gateway that this program started",
    full: "Stops a gateway that runtime start, runtime install or join started.",
    examples: ["claw-mesh runtime stop openclaw"],
    arguments: { runtime: "openclaw or zeroclaw" },
  },
  runtimeLogs: {
    brief: "Show what a gateway wrote",
    full: "Shows the end of the log of a gateway that this program started.",
    examples: ["claw-mesh runtime logs openclaw", "claw-mesh runtime logs zeroclaw --follow"],
    arguments: { runtime: "openclaw or zeroclaw" },
    flags: { follow: "Go on as it grows", lines: "Lines from the end [50]" },
  },
};
