import {
  type ClientConnection,
  type ClientContext,
  client,
  methods,
  PROTOCOL_VERSION,
  RequestError,
} from "@agentclientprotocol/sdk";
import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { endProcessGroup, type PipedProcess } from "../../platform/piped-process.ts";
import { redactText } from "../../protocol/redact-text.ts";
import type { Secret } from "../../protocol/secret.ts";
import { keepLastLines } from "../last-lines.ts";
import type { AcpLimits } from "./acp-limits.ts";
import { InitializeAnswer } from "./agent-answers.ts";
import { createMessageStream, type StreamFault } from "./message-stream.ts";
import type { PermissionAnswer, PermissionQuestion } from "./permission-policy.ts";

/** How long standard error may stay open after the end of a process. */
const errorsGraceMs = 500;

/** What agents are told of this adapter; not the version of the product. */
const clientInfo = { name: "claw-mesh", version: "1.0.0" } as const;

/** What an agent said of itself. */
export interface AgentInfo {
  readonly version: string | null;
  readonly canLoad: boolean;
  readonly canResume: boolean;
  readonly canClose: boolean;
  /** Names of its ways to log in. */
  readonly authMethods: readonly string[];
}

/** An agent that has answered `initialize`. */
export interface AgentLink {
  readonly agent: ClientContext;
  readonly info: AgentInfo;
  /** Nothing can be asked of it any more. */
  readonly isClosed: () => boolean;
  /** As {@link AgentProcess.ended}. */
  readonly ended: Promise<string>;
}

/** A process that was started as an agent. */
export interface AgentProcess {
  /** null when it never becomes an agent; {@link ended} tells why. */
  readonly ready: Promise<AgentLink | null>;
  /** Resolves with a sentence on how it ended that begins with a verb, when it has ended. */
  readonly ended: Promise<string>;
  readonly hasEnded: () => boolean;
  /** What it wrote last on standard error; null: nothing. */
  readonly lastLine: () => string | null;
  /** Closes its input, then ends it and what it has started. */
  readonly stop: () => Promise<void>;
  /** At once. */
  readonly kill: (why: string) => Promise<void>;
}

export interface AgentProcessOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly secrets: readonly Secret[];
  readonly limits: AcpLimits;
  readonly onUpdate: (params: unknown) => void;
  readonly onPermission: (question: PermissionQuestion) => PermissionAnswer;
}

/** Speaks ACP with a process that has just been started. */
export function attachAgent(piped: PipedProcess, options: AgentProcessOptions): AgentProcess {
  const { clock, limits } = options;
  let why: string | null = null;
  let isEnded = false;
  const errors = keepLastLines(piped.stderr);
  const kill = async (reason: string) => {
    why ??= reason;
    await endProcessGroup(piped, { clock, graceMs: 0 });
  };
  const stream = createMessageStream(piped, {
    onNotification: (method, params) => {
      if (method === methods.client.session.update) options.onUpdate(params);
    },
    onFault: (fault: StreamFault) => void kill(fault),
  });
  const connection = client({ name: "claw-mesh" })
    .onRequest(methods.client.session.requestPermission, ({ params }) => options.onPermission(params))
    .connect(stream);
  const watchEnd = async () => {
    const exit = await piped.exited;
    isEnded = true;
    connection.close();
    // What it has started may hold its pipes, and does nothing useful any more.
    piped.signalGroup("SIGKILL");
    await waitAtMost(errors.done, { clock, limitMs: errorsGraceMs, otherwise: undefined });
    void errors.cancel();
    tellErrors(errors.lines(), options);
    const last = errors.lines().at(-1);
    const how = exit.signal === null ? `ended with code ${exit.code}` : `was ended by ${exit.signal}`;
    return why ?? (last === undefined ? how : `${how}: ${last}`);
  };
  const ended = watchEnd();
  // Its output may end long before it does: nothing more can be learned from it then.
  void connection.closed.then(async () => {
    const exit = await waitAtMost(piped.exited, { clock, limitMs: limits.inputGraceMs, otherwise: null });
    if (exit === null) await kill("closed its output");
  });
  return {
    ready: initialize(connection, { options, kill, ended }),
    ended,
    hasEnded: () => isEnded,
    lastLine: () => errors.lines().at(-1) ?? null,
    stop: async () => {
      why ??= "was stopped";
      // One that does not read does not take the end of its input either: its exit is what is waited for.
      void Promise.allSettled([piped.endInput()]);
      await waitAtMost(piped.exited, { clock, limitMs: limits.inputGraceMs, otherwise: null });
      await endProcessGroup(piped, { clock, graceMs: isEnded ? 0 : limits.killGraceMs });
    },
    kill,
  };
}

function tellErrors(
  lines: readonly string[],
  { log, secrets }: Pick<AgentProcessOptions, "log" | "secrets">,
): void {
  if (lines.length === 0) return;
  log.debug("what the agent wrote on standard error", {
    lines: lines.map((line) => redactText(line, secrets)),
  });
}

interface InitializeParts {
  readonly ended: Promise<string>;
  readonly options: AgentProcessOptions;
  readonly kill: (why: string) => Promise<void>;
}

async function initialize(
  { agent, signal }: ClientConnection,
  { options, kill, ended }: InitializeParts,
): Promise<AgentLink | null> {
  const { initializeMs } = options.limits;
  const cancelLimit = options.clock.after(initializeMs, () => {
    void kill(`did not answer initialize within ${initializeMs / 1000} s`);
  });
  try {
    const answer = await agent.request<unknown>(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
      clientInfo,
    });
    const said = InitializeAnswer.parse(answer);
    if (said.protocolVersion === PROTOCOL_VERSION)
      return { agent, info: toInfo(said), isClosed: () => signal.aborted, ended };
    await kill(`speaks version ${said.protocolVersion} of ACP, and not ${PROTOCOL_VERSION}`);
  } catch (error) {
    // When the connection is gone, the end of the process tells more.
    if (error instanceof RequestError) await kill(`refused initialize: ${error.message}`);
    else if (!signal.aborted) await kill("did not answer initialize as ACP has it");
  } finally {
    cancelLimit();
  }
  return null;
}

function toInfo({ agentCapabilities: can, authMethods, agentInfo }: InitializeAnswer): AgentInfo {
  return {
    version: agentInfo?.version ?? null,
    canLoad: can?.loadSession === true,
    canResume: (can?.sessionCapabilities?.resume ?? null) !== null,
    canClose: (can?.sessionCapabilities?.close ?? null) !== null,
    authMethods: (authMethods ?? []).map(({ name }) => name),
  };
}
