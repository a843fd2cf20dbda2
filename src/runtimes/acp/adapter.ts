import { basename, join } from "node:path";
import type { Clock } from "../../platform/clock.ts";
import type { Environment } from "../../platform/environment.ts";
import type { Log } from "../../platform/log.ts";
import { createPipedProcesses, findProgram } from "../../platform/piped-process.ts";
import type { Secret } from "../../protocol/secret.ts";
import { toProgramEnvironment } from "../program-environment.ts";
import type { RuntimeSettings } from "../runtime-settings.ts";
import { prepareWorkFolder, toWorkFolder } from "../work-folder.ts";
import { type AcpLimits, acpLimits } from "./acp-limits.ts";
import { type AgentKeeper, createAgentKeeper } from "./agent-keeper.ts";
import { attachAgent } from "./agent-process.ts";
import { createKeptSessions } from "./kept-sessions.ts";
import { createLoginWatch, type LoginWatch } from "./login-watch.ts";
import { noPermission } from "./permission-policy.ts";
import type { PromptTurn } from "./prompt-turn.ts";
import { createSessions, type Sessions } from "./sessions.ts";

export interface AcpOptions {
  readonly settings: Extract<RuntimeSettings, { readonly kind: "acp" }>;
  readonly clock: Clock;
  readonly log: Log;
  /** The work folder, unless the settings name another, and the file of kept sessions are below it. */
  readonly dataDir: string;
  readonly env: Environment;
  /** Others than {@link acpLimits}, for tests. */
  readonly limits?: Partial<AcpLimits>;
}

/** What the parts of the adapter share. */
export interface AcpAdapter {
  readonly options: AcpOptions;
  readonly limits: AcpLimits;
  /** The program's name, for messages. */
  readonly location: string;
  /** Texts that may appear in no message. */
  readonly secrets: readonly Secret[];
  readonly keeper: AgentKeeper;
  readonly login: LoginWatch;
  readonly sessions: Sessions;
  /** Turns that go on, by the session's id at the agent. */
  readonly turns: Map<string, PromptTurn>;
  /** Why the agent cannot be started, in one sentence; null when it can. */
  readonly findProblem: () => Promise<string | null>;
  readonly close: () => Promise<void>;
}

export function createAdapter(options: AcpOptions): AcpAdapter {
  const { settings, clock, log, dataDir, env } = options;
  const limits = { ...acpLimits, ...options.limits };
  const [program = "", ...given] = settings.command;
  const folder = { cwd: settings.cwd, dataDir, kind: "acp" } as const;
  const cwd = toWorkFolder(folder);
  const { variables, secrets } = toProgramEnvironment(env, { own: settings.env, inherits: "all" });
  const lookUp = () => findProgram(program, { path: variables.PATH, cwd });
  const processes = createPipedProcesses();
  const turns = new Map<string, PromptTurn>();
  const start = () => {
    const found = lookUp();
    const command = [found.kind === "found" ? found.path : program, ...given];
    const piped = processes.start({ command, cwd, env: variables, stdin: "pipe" });
    log.debug("an agent was started", { program, pid: piped.pid });
    return attachAgent(piped, {
      clock,
      log,
      secrets,
      limits,
      onUpdate: (params) => passUpdate(turns, params),
      onPermission: (question) => turns.get(question.sessionId)?.onPermission(question) ?? noPermission,
    });
  };
  const keeper = createAgentKeeper({ clock, start });
  const file = join(dataDir, "runtimes", "acp", "sessions.json");
  return {
    options,
    limits,
    location: basename(program),
    secrets,
    keeper,
    login: createLoginWatch({ clock, cwd }),
    sessions: createSessions({
      cwd,
      kept: createKeptSessions({ file, command: settings.command, cwd, log }),
    }),
    turns,
    findProblem: async () => {
      const folderProblem = await prepareWorkFolder(folder);
      if (folderProblem !== null) return folderProblem;
      const found = lookUp();
      if (found.kind === "found") return null;
      return found.kind === "missing"
        ? `the program ${program} is not there; install it, or give its whole path`
        : `the program ${program} may not be executed`;
    },
    close: async () => {
      await keeper.close();
      processes.stop();
    },
  };
}

function passUpdate(turns: ReadonlyMap<string, PromptTurn>, params: unknown): void {
  if (typeof params !== "object" || params === null) return;
  if (!("sessionId" in params) || !("update" in params) || typeof params.sessionId !== "string") return;
  turns.get(params.sessionId)?.onUpdate(params.update);
}
