import { inviteTexts, tokenTexts } from "./en-access.ts";
import { auditCommandTexts, auditTexts } from "./en-audit.ts";
import { commandTexts } from "./en-commands.ts";
import { configTexts } from "./en-config.ts";
import { doctorTexts } from "./en-doctor.ts";
import { labCommandTexts, labTexts } from "./en-lab.ts";
import { provisionTexts } from "./en-provision.ts";
import { groupTexts, ruleTexts } from "./en-rules.ts";
import { runtimeCommandTexts, runtimeTexts } from "./en-runtimes.ts";
import { serviceCommandTexts, serviceTexts } from "./en-service.ts";
import { skillCommandTexts, skillTexts } from "./en-skills.ts";
import { supportTexts } from "./en-support.ts";
import { taskTexts } from "./en-tasks.ts";
import { tlsTexts } from "./en-tls.ts";

/** Every text that people see on the terminal, in English. Another language is another value of {@link Catalogue}. */
export const en = {
  commands: {
    ...commandTexts,
    ...auditCommandTexts,
    ...runtimeCommandTexts,
    ...skillCommandTexts,
    ...serviceCommandTexts,
    lab: labCommandTexts,
  },

  audit: auditTexts,
  lab: labTexts,
  tasks: taskTexts,
  runtimes: runtimeTexts,
  provision: provisionTexts,
  skills: skillTexts,
  service: serviceTexts,

  help: {
    headers: {
      usage: "USAGE",
      aliases: "ALIASES",
      commands: "COMMANDS",
      flags: "FLAGS",
      arguments: "ARGUMENTS",
    },
    keywords: { default: "default =", separator: "separator =" },
    briefs: {
      help: "Print help and exit",
      helpAll: "Print help with hidden commands and flags, and exit",
      version: "Print the version and exit",
      escape: "All that follows is taken as arguments",
    },
    examples: "EXAMPLES",
    globalFlags: "FLAGS OF EVERY COMMAND",
    globals: [
      ["--config <file>", "Configuration file [./claw-mesh.yaml, ~/.claw-mesh/, /etc/claw-mesh/]"],
      ["--coordinator <url>", "Coordinator [http://127.0.0.1:9180, or CLAW_MESH_COORDINATOR]"],
      ["--token <token>", "Token [CLAW_MESH_TOKEN, the configuration, <data dir>/token]"],
      ["--token-file <file>", "File with the token: other users see what a command line holds"],
      ["--ca <file>", "Authorities of the coordinator's certificate [tls.ca_file, <data dir>/tls/ca.pem]"],
      ["--json", "Print results and errors as JSON"],
      ["--no-color", "No colours"],
    ] as readonly (readonly [flag: string, brief: string])[],
  },

  errors: {
    prefix: "Error:",
    hint: "Hint:",
    requestHint: "Look at the values that were given; --help tells what they may be.",
    aboutMessage: (id: string, node: string | null) =>
      `Message ${id}${node === null ? "" : ` on node ${node}`}; all about it: claw-mesh task show ${id}`,
    requestId: (id: string) => `request ${id}`,
    unexpected: (message: string) => `unexpected fault: ${message}`,
    loading: (message: string) => `cannot load the command: ${message}`,
    unknownCommand: (input: string, near: readonly string[]) =>
      `there is no command "${input}"${near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`}`,
    unknownFlag: (input: string, near: readonly string[]) =>
      `there is no flag "${input}"${near.length === 0 ? "" : `; did you mean ${near.map((flag) => `--${flag}`).join(" or ")}?`}`,
    badValue: (name: string, input: string, problem: string) => `--${name}: "${input}" ${problem}`,
    notOneOf: (name: string, input: string, values: readonly string[], near: string | null) =>
      `--${name}: "${input}" is not one of ${values.join(", ")}${near === null ? "" : `; did you mean "${near}"?`}`,
    twoTokens: "--token and --token-file exclude each other",
    noTokenInFile: (file: string) => `--token-file: ${file} holds no token, or cannot be read`,
    missingValue: (flag: string) => `--${flag} needs a value`,
    missingFlag: (flag: string) => `--${flag} is missing, or has no value`,
    missingArgument: (name: string) => `<${name}> is missing`,
    tooManyArguments: (input: string) => `"${input}" is one argument too many; put a message in quotes`,
    givenTwice: (flag: string) => `--${flag} is given twice`,
    notANumber: "is not a number",
    notACount: "is not a number from 1 on",
    notAPort: "is not a port (0 to 65535)",
    notADuration: "is not a time like 90, 30s, 5m, 2h or 7d",
    notALabel: "is not like key=value",
    notAPriority: "is not a priority (0 to 9)",
    notACause: (causes: readonly string[], near: string | null) =>
      `is not one of ${causes.join(", ")}${near === null ? "" : `; did you mean "${near}"?`}`,
    notAMoment: "is not a time like 10m, 2h, 1d or 2026-11-22T16:00:00Z",
    notAUrl: (url: string) => `"${url}" is not an address like http://host:9180`,
    usageHint: (command: string) => `See: ${command} --help`,
    noDirectory: "the current directory is not there any more",
    noDirectoryHint: "Change to one that is, such as with: cd ~",
    interrupted: "interrupted",
  },

  table: { yes: "yes", no: "no", none: "-" },

  nodes: {
    none: "No nodes registered.",
    columns: {
      id: "ID",
      name: "NAME",
      status: "STATUS",
      endpoint: "ENDPOINT",
      machine: "OS/ARCH",
      gpu: "GPU",
      load: "LOAD",
      runtime: "RUNTIME",
      skills: "SKILLS",
    },
    notReady: "not ready",
    scheduling: { active: "", cordoned: "cordoned", draining: "draining" },
    reason: (name: string, reason: string) => `${name} is not ready: ${reason}`,
    backingOff: (name: string, runtime: string, detail: string) =>
      `${name}: the gateway of ${runtime} ended and is being started again: ${detail}`,
    crashLoop: (name: string, runtime: string, detail: string) =>
      `${name}: the gateway of ${runtime} was given up: ${detail}; mend it, then on that machine: claw-mesh runtime start ${runtime}`,
    stoppedGateway: (name: string, runtime: string) =>
      `${name}: the gateway of ${runtime} was stopped; on that machine: claw-mesh runtime start ${runtime}`,
    runtimes: {
      node: "NODE",
      runtime: "RUNTIME",
      version: "VERSION",
      slots: "SLOTS",
      gateway: "GATEWAY",
      state: "STATE",
      ready: "ready",
      supervision: {
        starting: "starting",
        running: "kept alive",
        backing_off: "starting again",
        crash_loop: "given up",
        stopped: "stopped",
      },
      restarts: (count: number) => `${count} ${count === 1 ? "restart" : "restarts"}`,
    },
    failingWord: "failing",
    failing: (name: string, cause: string, next: string) =>
      `${name} is failing too often (${cause}), ${next}`,
    nextTry: (duration: string) => `next try in ${duration}`,
    beingTried: "tried again with one message at a time",
    mesh: (url: string) => `Mesh: ${url}`,
    counts: (total: number, online: number, busy: number, offline: number) =>
      `Nodes: ${total} total (${online} online, ${busy} busy, ${offline} offline)`,
  },

  node: {
    cordoned: (name: string) => `Node ${name} cordoned: it gets no new work.`,
    uncordoned: (name: string) => `Node ${name} takes work again.`,
    draining: (name: string, running: number, deadlineS: number) =>
      running === 0
        ? `Node ${name} draining: it gets no new work, nothing runs there, and it leaves.`
        : `Node ${name} draining: it gets no new work; ${running} running ${running === 1 ? "attempt has" : "attempts have"} ${deadlineS} s to finish, then it leaves.`,
    removed: (name: string) => `Node ${name} removed: its token is void.`,
  },

  send: {
    noTarget: "specify --node <name> or --auto",
    twoTargets: "choose one of --auto, --node and --group",
    noMessage: "there is no message",
    noMessageHint: "Give it as an argument or on standard input: echo hello | claw-mesh send --auto",
    messageTooLong: (limit: number) => `the message is longer than ${limit} characters`,
    routed: (messageId: string, nodeId: string, nodeName: string) =>
      `Message ${messageId} routed to node ${nodeId} (${nodeName})`,
    response: "Response:",
    restarted: "the answer starts again",
    waiting: (node: string | null, seconds: number) =>
      node === null ? `waiting for a node, ${seconds} s` : `waiting for ${node}, ${seconds} s`,
    pickingUp: "connection lost; picking the answer up again",
    cancelling: "cancelling; once more to leave at once",
    cancelled: (messageId: string) => `message ${messageId} was cancelled`,
    cancelUnknown: "left before the coordinator named the message; it may still run",
    cancelNotConfirmed: (messageId: string) =>
      `message ${messageId}: the cancel was sent, but its end was not confirmed`,
    cancelNotSent: (messageId: string) => `message ${messageId}: the coordinator did not hear the cancel`,
    cancelHint: (messageId: string) => `It may go on. Try again with: claw-mesh task cancel ${messageId}`,
    unsureHint: (keyFlag: string) =>
      `It may run, or have run. Say the same again with ${keyFlag}: it is then taken up and not run twice.`,
    timedOut: (seconds: number) => `no answer within ${seconds} s`,
  },

  decision: {
    outcomes: {
      assigned: (node: string) => `Goes to ${node}`,
      waiting: "Waits for a node",
      unroutable: "No node fits",
      refused: "A rule refuses it",
    },
    rule: "Rule:",
    ruleText: (position: number, text: string, target: string | null) =>
      `#${position} ${text}${target === null ? "" : ` → ${target}`}`,
    noRule: "none applied; all nodes were considered",
    passedOver: (position: number, text: string) =>
      `#${position} ${text} applied, and had no node that could take it`,
    allNodes: "all nodes were considered",
    label: "Label:",
    untrusted: "untrusted: the text is another owner's",
    target: "Asked for:",
    strategy: "Strategy:",
    session: "Session:",
    bindings: {
      new: "new here",
      kept: "stays on its node",
      moved: "moved to another node",
      waiting: "waits for its node",
    },
    declared: "Required:",
    inferred: "Inferred:",
    because: (need: string, because: string) => `${need} (${because})`,
    ranking: "Ranking:",
    refused: "Refused:",
    reasons: {
      offline: "offline",
      not_ready: "not ready",
      cordoned: "cordoned",
      draining: "draining",
      breaker_open: "failing too often",
      not_capable: "not capable",
      not_allowed: "not allowed to the sender",
      not_target: "not the target",
      full: "full",
      already_tried: "already tried",
    },
    more: (count: number) => `and ${count} more`,
    unblock: "Would help:",
    unblockNodes: (needs: string, nodes: string) => `${needs}: ${nodes}`,
  },

  rules: ruleTexts,
  groups: groupTexts,

  invite: inviteTexts,
  token: tokenTexts,

  init: {
    written: (file: string) => `Config written to ${file}`,
    exists: (file: string) => `${file} already exists (use --force to overwrite)`,
    existsTlsHint:
      "To keep it, with its token, rules and groups, write into it yourself: tls: { enabled: true }",
    cannotWrite: (file: string, code: string) => `cannot write ${file} (${code})`,
    cannotWriteHint: "Write it somewhere else with --config <file>.",
  },

  up: {
    running: (url: string) => `claw-mesh is running at ${url}`,
    localNode: (name: string, runtime: string) => `This machine is in the mesh as "${name}" (${runtime}).`,
    echo: "echo: it repeats what it gets; no AI runtime is used",
    noLocalNode: "This machine takes no messages itself.",
    join: "Join another machine, with this line, once, within the hour:",
    pathFirst: "In another terminal, first:",
    path: (folder: string) => `export PATH="${folder}:$PATH"`,
    tryNext: "Try next:",
    /** `flags`: what the commands need to find this coordinator; empty when they find it unasked. */
    next: (flags: string): readonly string[] => [
      `claw-mesh status${flags}`,
      `claw-mesh send --auto "Hello from the mesh"${flags}`,
      `claw-mesh route explain "Train a model on the GPU"${flags}`,
    ],
    stop: "Ctrl-C stops it.",
    badLocal: (word: string) => `--local: "${word}" is not one of`,
  },

  join: {
    joined: (url: string, name: string, id: string) => `Joined ${url} as "${name}" (${id})`,
    reached: (isReached: boolean) => (isReached ? "coordinator reached" : "coordinator not reached"),
    authenticated: (isAccepted: boolean) => (isAccepted ? "token accepted" : "token not accepted"),
    runtimeReady: (runtime: string) => `runtime ${runtime} ready`,
    runtimeNotReady: (runtime: string, reason: string) => `runtime ${runtime} not ready: ${reason}`,
    noRuntime: "no runtime",
    slots: (slots: number) => `${slots} ${slots === 1 ? "slot" : "slots"}`,
    ended: (reason: string) => `The node has left the mesh: ${reason}`,
    badRuntime: (word: string) => `--runtime: "${word}" is not one of`,
    twoRuntimes: "--no-gateway and --runtime exclude each other",
  },

  tls: tlsTexts,
  config: configTexts,

  doctor: doctorTexts,
  support: supportTexts,
};

export type Catalogue = typeof en;
