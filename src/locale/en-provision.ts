/** Installing, setting up and starting a runtime, as commands tell it. */
export const provisionTexts = {
  ask: {
    provider: "Who computes the answers of this runtime?",
    providers: {
      anthropic: "Anthropic",
      openai: "OpenAI",
      custom: "another server with an OpenAI-compatible API",
    },
    base: "Address of its API",
    model: "Model",
    key: (provider: string) => `Key of ${provider}`,
    keyOptional: "Key (empty: it needs none)",
    isEmpty: "It may not be empty.",
    badBase: "It is like http://127.0.0.1:11434/v1",
  },
  missing: {
    provider: "it is not known who computes the answers of the runtime",
    providerHint:
      "Give --api-provider anthropic, openai or custom, or set CLAW_MESH_API_PROVIDER; with the key in --api-key-file, CLAW_MESH_API_KEY, ANTHROPIC_API_KEY or OPENAI_API_KEY.",
    key: (provider: string) => `the key of ${provider} is missing`,
    keyHint: (variable: string | null) =>
      `Name the file that holds it with --api-key-file, or set CLAW_MESH_API_KEY${variable === null ? "" : ` or ${variable}`}.`,
    base: "the address of the provider's API is missing",
    baseHint: "Give --api-base, such as http://127.0.0.1:11434/v1, or set CLAW_MESH_API_BASE.",
    model: "the model of the provider is missing",
    modelHint: "Give --api-model, or set CLAW_MESH_API_MODEL.",
  },
  badProvider: (word: string) => `CLAW_MESH_API_PROVIDER: "${word}" is not anthropic, openai or custom`,
  badBase: (origin: string) =>
    `${origin} is no http address without a user, such as http://127.0.0.1:11434/v1`,
  badKeyFile: (file: string) => `--api-key-file: there is no key in ${file}`,
  twoKeys: "--api-key and --api-key-file exclude each other",
  badRuntime: (word: string) => `"${word}" cannot be installed from here; openclaw and zeroclaw can`,
  onlyInstallable: (word: string) =>
    `--auto-install is for openclaw and zeroclaw; ${word} is used as it is on this machine`,
  elsewhere: "--auto-install is for a runtime of this machine, and --gateway-endpoint names one",
  needsAutoInstall: "--dry-run and --runtime-version are for --auto-install",

  step: {
    installNode: (version: string) => `Node.js ${version} for OpenClaw`,
    installOpenclaw: (version: string) => `OpenClaw ${version}`,
    run: (what: string, command: string) => `install ${what}: ${command}`,
    download: (url: string, to: string) => `download ${url} to ${to}`,
    verify: (file: string, url: string) => `check the SHA-256 of ${file} against ${url}`,
    fetch: (command: string, to: string, integrity: string | null) =>
      `${command}; check its ${integrity ?? "SHA-512 against the registry's"}; keep it as ${to}`,
    unpack: (file: string, program: string) => `unpack ${program} of ${file}, ask it for its version`,
    keepPrevious: (from: string, to: string, link: string | null) =>
      link === null ? `keep ${from} as ${to}` : `keep ${from}, a link to ${link}, as the link ${to}`,
    place: (to: string) => `put it at ${to}`,
    writeConfig: (path: string, backup: string | null) =>
      backup === null ? `write ${path}` : `write ${path}, its old text to ${backup}`,
    start: (command: string, log: string) => `start in the background: ${command} (log: ${log})`,
    waitReady: (url: string, seconds: number) => `wait until ${url} takes messages, at most ${seconds} s`,
    pair: (url: string) => `pair with ${url}`,
    skipped: (text: string, why: string) => `${text}  [not needed: ${why}]`,
    /** Beside a step that goes on. */
    seconds: (text: string, seconds: number) => `${text} (${seconds} s)`,
    percent: (name: string, bar: string, percent: number, size: string) =>
      `${name} ${bar} ${percent} % of ${size}`,
    bytes: (name: string, size: string) => `${name} ${size}`,
  },
  wait: (pid: number | null) =>
    `Another claw-mesh${pid === null ? "" : ` (process ${pid})`} is installing here; waiting for it.`,

  reasons: {
    asked: "it was asked for",
    openclaw_fits: "this machine has npm, and memory and disk enough for OpenClaw",
    node_too_old: (version: string, needs: string) =>
      `Node.js ${version} is not what OpenClaw needs (${needs})`,
    no_node: "there is no Node.js here",
    no_npm: "there is no npm here",
    broken_npm: "npm is here and does not run (npm --version tells nothing)",
    little_memory: (free: string, needs: string) => `${free} of memory are free, OpenClaw wants ${needs}`,
    little_disk: (free: string, needs: string) => `${free} of disk are free, OpenClaw wants ${needs}`,
    no_private_node: (platform: string, arch: string) =>
      `npm has no Node.js of its own for ${platform} on ${arch}`,
    no_zeroclaw_build: (platform: string, arch: string) => `ZeroClaw has no build for ${platform} on ${arch}`,
  },
  plan: {
    use: (runtime: string) => `${runtime} would be used as it is; nothing would be installed.`,
    start: (runtime: string) => `${runtime} is installed and would be started:`,
    install: (runtime: string, why: string) => `${runtime} would be installed, because ${why}:`,
    needsProvider: "It has to be told who computes its answers: see --api-provider.",
  },
  done: {
    used: (runtime: string) => `Using ${runtime}: nothing was installed.`,
    ownProvider: "It keeps the model provider that it has; --api-provider and the like were not needed.",
    notReady: (problem: string, remedy: string) => `It does not take messages yet: ${problem}; ${remedy}.`,
    started: (runtime: string, endpoint: string) =>
      `Started ${runtime}, which was installed already; it takes messages at ${endpoint}.`,
    installed: (runtime: string, why: string, endpoint: string) =>
      `${runtime} is installed, because ${why}; it takes messages at ${endpoint}.`,
    needsRestart: (kind: string) =>
      `The gateway that runs is still the one from before: claw-mesh runtime stop ${kind}, then start.`,
    installedOnly: (runtime: string, why: string) =>
      `${runtime} is installed and set up, because ${why}; it was not started.`,
  },
};
