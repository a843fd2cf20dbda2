import type { Clock } from "../../platform/clock.ts";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { Secret } from "../../protocol/secret.ts";
import { parseGatewayAddress } from "../gateway-address.ts";
import { createKeyTurns, type KeyTurns } from "../key-turns.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import type { OpenaiSessions } from "../runtime-settings.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import { readChatAnswer } from "./chat-answer.ts";
import { type ChatRequest, toChatRequest } from "./chat-request.ts";
import { matchStatusFailure } from "./failure-map.ts";
import { fetchModels, isOpenclawModel, matchChatModel, type ServerAccess, toRequestInit } from "./models.ts";
import { probeServer } from "./probe.ts";
import { readResponsesAnswer } from "./responses-answer.ts";
import {
  closedReason,
  type RunProgress,
  readFailure,
  tidyOutcome,
  toLostOutcome,
  toOutcome,
  toStoppedOutcome,
} from "./run-outcome.ts";
import { readServerError } from "./server-error.ts";
import { findConvention, type SessionConvention } from "./session-convention.ts";
import {
  createSessionHistory,
  defaultHistoryLimits,
  type HistoryLimits,
  type SessionHistory,
} from "./session-history.ts";

export interface OpenaiOptions {
  /** `host:port` or a URL, with or without `/v1`. */
  readonly endpoint: string;
  readonly apiKey: Secret | null;
  /** null: the first model of the server's list that chats, asked for once. */
  readonly model: string | null;
  /** `auto`: by what the server is, asked for once. */
  readonly sessions: OpenaiSessions;
  readonly fetch: HttpFetch;
  readonly clock: Clock;
  readonly historyLimits?: HistoryLimits;
}

/**
 * Any server with OpenAI's `POST /v1/chat/completions` or `/v1/responses`: Ollama, vLLM, LM Studio, llama.cpp, hosted
 * providers, agents such as Hermes and nanobot, and OpenClaw's own endpoint where it is enabled. The API has no way to ask
 * for an earlier run, so a lost connection is a lost run. Model servers forget everything between requests: what was said
 * in a session is kept here, in memory, and sent again; it is gone with the process. Agents keep it themselves.
 * @throws MeshError USAGE when the endpoint cannot be read
 */
export function createOpenaiRuntime(options: OpenaiOptions): Runtime {
  const access = {
    fetch: options.fetch,
    address: parseGatewayAddress(options.endpoint),
    apiKey: options.apiKey,
  };
  const adapter: Adapter = {
    options,
    access,
    location: access.address.httpUrl,
    secrets: options.apiKey === null ? [] : [options.apiKey],
    history: createSessionHistory(options.historyLimits ?? defaultHistoryLimits),
    turns: createKeyTurns(),
    running: new Set(),
    model: options.model,
    convention: options.sessions === "auto" ? null : options.sessions,
    isClosed: false,
  };
  return {
    kind: "openai",
    location: adapter.location,
    probe: () =>
      probeServer(access, { model: options.model, clock: options.clock, secrets: adapter.secrets }),
    run: (attempt, control) => runAttempt(adapter, attempt, control),
    reattach: () => Promise.resolve(null),
    // A server that noticed the cut connection has stopped; nothing tells whether it did.
    fence: () => Promise.resolve(false),
    close: () => {
      adapter.isClosed = true;
      for (const stop of adapter.running) stop.abort(closedReason);
      return Promise.resolve();
    },
  };
}

interface Adapter {
  readonly options: OpenaiOptions;
  readonly access: ServerAccess;
  readonly location: string;
  /** Texts that may appear in no message. */
  readonly secrets: readonly Secret[];
  readonly history: SessionHistory;
  /** Messages of one session go one after another: the second has to know of the first. */
  readonly turns: KeyTurns;
  readonly running: Set<AbortController>;
  /** null until the server's list has been asked. */
  model: string | null;
  /** null until the server has said what it is. */
  convention: SessionConvention | null;
  isClosed: boolean;
}

/** Bounds the attempt in time, and turns every way in which its request can end into an outcome. */
async function runAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  control: RunControl,
): Promise<RunOutcome> {
  if (adapter.isClosed) return closedOutcome;
  if (control.signal.aborted) return toStopOutcome(control.signal.reason);
  const stop = new AbortController();
  const run: RunProgress = { signal: stop.signal, phase: "preparing", stopsWithRequest: false };
  const onAbort = () => stop.abort(control.signal.reason);
  const cancelDeadline = adapter.options.clock.after(attempt.timeoutMs, () => stop.abort("timeout"));
  control.signal.addEventListener("abort", onAbort, { once: true });
  adapter.running.add(stop);
  try {
    return tidyOutcome(await answerInTurn(adapter, attempt, { control, run }), adapter.secrets);
  } catch (error) {
    if (stop.signal.aborted) return toStoppedOutcome(run, adapter.location);
    return toLostOutcome(error, run.phase, adapter.location);
  } finally {
    adapter.running.delete(stop);
    cancelDeadline();
    control.signal.removeEventListener("abort", onAbort);
  }
}

interface RunParts {
  readonly control: RunControl;
  readonly run: RunProgress;
}

/** Rejects when the connection is lost or the run was stopped. */
async function answerInTurn(adapter: Adapter, attempt: RuntimeAttempt, parts: RunParts): Promise<RunOutcome> {
  const { session } = attempt;
  if (session === null) return await answerAttempt(adapter, attempt, parts);
  const { run } = parts;
  const endTurn = await adapter.turns.begin(session.key, run.signal);
  if (endTurn === null) return toStoppedOutcome(run, adapter.location);
  try {
    return await answerAttempt(adapter, attempt, parts);
  } finally {
    endTurn();
  }
}

/** Rejects when the connection is lost or the run was stopped. */
async function answerAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  { control, run }: RunParts,
): Promise<RunOutcome> {
  const { access, history, location } = adapter;
  const choice = await chooseModel(adapter, run.signal);
  if (choice.kind === "none") return { kind: "failed", failure: choice.failure };
  const way = await chooseSessions(adapter, choice.model, run.signal);
  if (way.kind === "none") return { kind: "failed", failure: way.failure };
  const { sessions } = way;
  const sessionKey = sessions === "history" ? (attempt.session?.key ?? null) : null;
  const earlier = sessionKey === null ? [] : history.messagesOf(sessionKey);
  const request = toChatRequest(attempt, { model: choice.model, sessions, history: earlier });
  run.stopsWithRequest = isOpenclawModel(choice.model);
  run.phase = "submitted";
  const response = await sendChat(access, request, run.signal);
  run.phase = "answering";
  if (!response.ok) {
    // The model chosen before may be gone from the server; the next run looks again.
    if (response.status === 404) adapter.model = adapter.options.model;
    return { kind: "failed", failure: await readFailure(response, location, request.path) };
  }
  const readAnswer = request.path === "/v1/responses" ? readResponsesAnswer : readChatAnswer;
  const end = await readAnswer(response, (offset, text) => {
    if (!run.signal.aborted) control.onChunk({ offset, text });
  });
  const outcome = toOutcome(end, location);
  if (outcome.kind === "succeeded" && sessionKey !== null) {
    history.append(sessionKey, attempt.content, outcome.text);
  }
  return outcome;
}

function sendChat(access: ServerAccess, request: ChatRequest, signal: AbortSignal): Promise<Response> {
  const { path, headers, body } = request;
  const init = toRequestInit(access, {
    method: "POST",
    headers,
    body,
    signal,
    // A kept connection may have died unnoticed, and nobody could tell whether the message still got through.
    keepalive: false,
    // An agent may think in silence for long; the attempt's own deadline bounds it.
    timeout: false,
  });
  return access.fetch(`${access.address.httpUrl}${path}`, init);
}

type ModelChoice =
  | { readonly kind: "chosen"; readonly model: string }
  | { readonly kind: "none"; readonly failure: Failure };

async function chooseModel(adapter: Adapter, signal: AbortSignal): Promise<ModelChoice> {
  if (adapter.model !== null) return { kind: "chosen", model: adapter.model };
  const list = await fetchModels(adapter.access, signal);
  if (list.kind === "refused" && list.status !== 404) {
    const failure = matchStatusFailure(list.status, list.error, { location: adapter.location });
    // The message itself has not been sent yet.
    return { kind: "none", failure: { ...failure, nothing_done: true } };
  }
  const model = list.kind === "listed" ? matchChatModel(list.ids) : null;
  if (model === null) {
    const message = `${adapter.location} lists no models; name one in the configuration`;
    return { kind: "none", failure: { class: "refused", message } };
  }
  adapter.model = model;
  return { kind: "chosen", model };
}

type SessionsChoice =
  | { readonly kind: "chosen"; readonly sessions: SessionConvention }
  | { readonly kind: "none"; readonly failure: Failure };

/** What was found stays; what was not is asked for again by the next message. */
async function chooseSessions(adapter: Adapter, model: string, signal: AbortSignal): Promise<SessionsChoice> {
  if (adapter.convention !== null) return { kind: "chosen", sessions: adapter.convention };
  const finding = await findConvention(adapter.access, model, signal);
  if (finding.kind === "found") {
    adapter.convention = finding.sessions;
    return { kind: "chosen", sessions: finding.sessions };
  }
  const { location } = adapter;
  if (finding.status === 401 || finding.status === 403) {
    const failure = matchStatusFailure(finding.status, readServerError(undefined), { location });
    return { kind: "none", failure: { ...failure, nothing_done: true } };
  }
  const message = `${location} did not say how it keeps conversations; the next message asks again, unless \`sessions\` is set`;
  return { kind: "none", failure: { class: "refused", message } };
}
