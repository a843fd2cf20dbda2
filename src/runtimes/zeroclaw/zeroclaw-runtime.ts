import { waitAtMost } from "../../platform/bounded-wait.ts";
import type { Clock } from "../../platform/clock.ts";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import type { Log } from "../../platform/log.ts";
import type { RuntimeStatus } from "../../protocol/node.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import { choosePolicy } from "../approval-policy.ts";
import { parseGatewayAddress } from "../gateway-address.ts";
import { createKeyTurns } from "../key-turns.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import type { RuntimeCredentials, RuntimeSettings } from "../runtime-settings.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import { createStopSignal, type StopSignal } from "../stop-signal.ts";
import { tidyLine } from "../tidy-line.ts";
import { runChat } from "./chat-run.ts";
import { tidyOutcome } from "./failure-map.ts";
import { createTokenSource } from "./pairing.ts";
import { type Reach, type ReachOptions, reachGateway } from "./reach-gateway.ts";
import { deleteSession, type SessionAccess, stopUntilIdle, waitUntilIdle } from "./session-api.ts";
import { toSessionId } from "./session-id.ts";
import { hasAgentWebhook, stopsTurns } from "./version.ts";
import { runWebhook } from "./webhook-run.ts";

export type ZeroclawSettings = Extract<RuntimeSettings, { readonly kind: "zeroclaw" }>;

export interface ZeroclawOptions {
  readonly settings: ZeroclawSettings;
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly credentials: RuntimeCredentials;
  /** How ZeroClaw lists this machine among its devices after a pairing. */
  readonly deviceName: string;
  /** UTF-8; default {@link maxAnswerBytes}. */
  readonly maxAnswerBytes?: number;
}

/** Where ZeroClaw listens unless told otherwise. */
const defaultZeroclawEndpoint = "127.0.0.1:42617";

/** Alias of the agent unless told otherwise. */
const defaultAgent = "default";
/** For asking the gateway what became of an attempt. */
const settleLimitMs = 2_500;
/** What is left to tidy when the adapter is closed. */
const tidyLimitMs = 1_000;

interface Adapter extends ReachOptions {
  readonly settings: ZeroclawSettings;
  readonly agent: string;
  readonly maxAnswerBytes: number;
  readonly log: Log;
  readonly afterwards: (work: Promise<void>) => void;
  /** Told once for an adapter. */
  readonly warnWebhook: (reach: Reach) => void;
}

/**
 * A ZeroClaw gateway: the WebSocket chat with conversations, or its webhook. One socket for each running attempt; messages of
 * one conversation go one after another, as a second one on a running turn would change that turn. Connects with the first call.
 * docs/how-to/zeroclaw.md
 * @throws MeshError USAGE when the address cannot be read
 */
export function createZeroclawRuntime(options: ZeroclawOptions): Runtime {
  const { clock, fetch, log, settings, credentials, deviceName } = options;
  const address = parseGatewayAddress(settings.endpoint ?? defaultZeroclawEndpoint);
  const given = settings.token;
  const tokens = createTokenSource({ address, fetch, clock, log, given, credentials, deviceName });
  const turns = createKeyTurns();
  const running = new Set<StopSignal>();
  const pending = new Set<Promise<void>>();
  let isClosed = false;
  const adapter: Adapter = {
    address,
    fetch,
    clock,
    log,
    tokens,
    settings,
    via: settings.via,
    checksOwner: settings.checksOwner === true ? "always" : given === null ? "kept" : "never",
    known: { version: null },
    agent: settings.agent ?? defaultAgent,
    maxAnswerBytes: options.maxAnswerBytes ?? maxAnswerBytes,
    afterwards: (work) => {
      pending.add(work);
      void work.finally(() => pending.delete(work));
    },
    warnWebhook: createWebhookWarning(log, address.httpUrl),
  };

  /** null: it was stopped while it waited for its turn, or `work` says so. */
  const attend = async (
    attempt: RuntimeAttempt,
    control: RunControl,
    work: (stop: StopSignal) => Promise<RunOutcome | null>,
  ): Promise<RunOutcome | null> => {
    const stop = createStopSignal(clock, control.signal, attempt.timeoutMs);
    running.add(stop);
    const endTurn = await turns.begin(toSessionId(attempt), stop.signal);
    try {
      if (endTurn === null) return null;
      const outcome = await work(stop);
      return outcome === null ? outcome : tidyOutcome(outcome, tokens.secrets());
    } finally {
      endTurn?.();
      running.delete(stop);
      stop.dispose();
    }
  };

  return {
    kind: "zeroclaw",
    location: address.httpUrl,
    probe: async () => {
      const reach = await reachGateway(adapter);
      adapter.warnWebhook(reach);
      return { status: toStatus(reach, adapter), slots: null };
    },
    run: async (attempt, control): Promise<RunOutcome> => {
      if (isClosed) return closedOutcome;
      if (control.signal.aborted) return toStopOutcome(control.signal.reason);
      const outcome = await attend(attempt, control, (stop) =>
        runAttempt(adapter, attempt, { control, stop }),
      );
      if (outcome !== null) return outcome;
      if (isClosed) return closedOutcome;
      return toStopOutcome(control.signal.aborted ? control.signal.reason : "timeout");
    },
    reattach: async (attempt, control): Promise<RunOutcome | null> => {
      if (isClosed) return null;
      return attend(attempt, control, (stop) => reattachAttempt(adapter, attempt, stop));
    },
    fence: async (attempt): Promise<boolean> => {
      if (isClosed) return false;
      const session = await openSession(adapter, attempt);
      if (session === null) return false;
      if (attempt.session === null) return await stopUntilIdle(session, settleLimitMs);
      // A turn of a conversation may be that of another message by now: it is not touched. A session that ZeroClaw does not
      // know proves nothing: its turn may wait, or its history be gone while it runs.
      return isSettled(await waitUntilIdle(session, settleLimitMs));
    },
    close: async () => {
      isClosed = true;
      for (const stop of [...running]) stop.stop("closed");
      const tidied = Promise.allSettled([...pending]).then(() => {});
      await waitAtMost(tidied, { clock, limitMs: tidyLimitMs, otherwise: undefined });
    },
  };
}

function toUnstartedOutcome(stop: StopSignal): RunOutcome {
  const cause = stop.cause();
  return cause === "closed" ? closedOutcome : toStopOutcome(cause);
}

interface RunParts {
  readonly control: RunControl;
  readonly stop: StopSignal;
}

async function runAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  { control, stop }: RunParts,
): Promise<RunOutcome> {
  const reach = await reachGateway(adapter, stop.signal);
  if (stop.cause() !== null) return toUnstartedOutcome(stop);
  if (reach.kind === "unready") return toUnreadyOutcome(reach);
  adapter.warnWebhook(reach);
  if (reach.speaks === "webhook") return await runWebhook({ options: adapter, attempt, stop, reach });
  const approvals = choosePolicy(adapter.settings.approvals, attempt.isUntrusted);
  const options = { ...adapter, approvals };
  return await runChat({ options, attempt, control, stop, reach });
}

/** Nothing was submitted. */
function toUnreadyOutcome({ cause, message }: Extract<Reach, { readonly kind: "unready" }>): RunOutcome {
  if (cause === "other") return { kind: "failed", failure: { class: "refused", message } };
  return { kind: "failed", failure: { class: "runtime_error", kind: "auth", message, nothing_done: true } };
}

/**
 * What became of an attempt whose socket went away with a former node agent: ZeroClaw cancels such a turn. Whether the last
 * text of its history is an answer or what was written until then it does not tell, so that no answer is made of it.
 */
async function reattachAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  stop: StopSignal,
): Promise<RunOutcome | null> {
  const session = await openSession(adapter, attempt);
  if (session === null) return null;
  const state = await waitUntilIdle(session, settleLimitMs, stop.signal);
  if (state === "missing" || state === "unknown") return null;
  const isOwn = attempt.session === null;
  const fenced = isSettled(state) || (isOwn && (await stopUntilIdle(session, settleLimitMs)));
  if (isOwn) adapter.afterwards(deleteSession(session));
  if (isOwn && state === "error") {
    const message = "ZeroClaw ended with an error while the node agent was away";
    return { kind: "failed", failure: { class: "runtime_error", kind: "internal", message } };
  }
  const reason = "the node agent was restarted, and ZeroClaw cancels what a lost connection had asked for";
  return { kind: "lost", started: true, fenced, reason };
}

/** null: the gateway cannot be asked about sessions. */
async function openSession(adapter: Adapter, attempt: RuntimeAttempt): Promise<SessionAccess | null> {
  const reach = await reachGateway(adapter);
  if (reach.kind === "unready" || reach.speaks === "webhook" || !stopsTurns(reach.version)) return null;
  const { address, fetch, clock } = adapter;
  return { address, fetch, clock, token: reach.token, sessionId: toSessionId(attempt) };
}

function isSettled(state: string): boolean {
  return state === "idle" || state === "error";
}

function toStatus(reach: Reach, { tokens }: Adapter): RuntimeStatus {
  const reason = reach.kind === "ready" ? null : tidyLine(reach.message, tokens.secrets());
  return {
    kind: "zeroclaw",
    version: reach.version?.text ?? null,
    ready: reach.kind === "ready",
    reason,
    active: null,
    queued: null,
  };
}

function createWebhookWarning(log: Log, location: string): (reach: Reach) => void {
  let isTold = false;
  return (reach) => {
    if (isTold || reach.kind === "unready" || reach.speaks !== "webhook") return;
    isTold = true;
    log.warn("messages go by ZeroClaw's webhook: no conversations, and a limit of 30 s unless it is raised", {
      location,
      raise: "gateway.request_timeout_secs",
      version: reach.version?.text ?? "unknown",
      tools: hasAgentWebhook(reach.version),
    });
  };
}
