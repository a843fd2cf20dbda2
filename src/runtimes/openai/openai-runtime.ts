import { errorCodeOf } from "../../platform/atomic-file.ts";
import type { Clock } from "../../platform/clock.ts";
import type { HttpFetch } from "../../platform/http-fetch.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { Secret } from "../../protocol/secret.ts";
import { readBoundedBody, readJson } from "../bounded-body.ts";
import { matchConnectionOutcome } from "../connection-outcome.ts";
import { parseGatewayAddress } from "../gateway-address.ts";
import type { RunControl, RunOutcome, Runtime, RuntimeAttempt } from "../runtime.ts";
import type { OpenaiSessions } from "../runtime-settings.ts";
import { closedOutcome, toStopOutcome } from "../stop-outcome.ts";
import type { AnswerEnd } from "./answer-stream.ts";
import { readChatAnswer } from "./chat-answer.ts";
import { type ChatRequest, toChatRequest } from "./chat-request.ts";
import { matchEmptyAnswer, matchStatusFailure, matchStreamFailure, tidyMessage } from "./failure-map.ts";
import { fetchModels, matchChatModel, type ServerAccess, toRequestInit } from "./models.ts";
import { probeServer } from "./probe.ts";
import { readResponsesAnswer } from "./responses-answer.ts";
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

/** Bytes of an error body that are read. */
const maxErrorBytes = 64 * 1024;

/** Stops a run besides the attempt's own reasons. */
const closedReason = "closed";

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
  readonly running: Set<AbortController>;
  /** null until the server's list has been asked. */
  model: string | null;
  /** null until the server has been asked what it is. */
  convention: SessionConvention | null;
  isClosed: boolean;
}

interface Run {
  readonly signal: AbortSignal;
  /** `submitted`: the server may have the message; `answering`: it surely has it. */
  phase: "preparing" | "submitted" | "answering";
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
  const run: Run = { signal: stop.signal, phase: "preparing" };
  const onAbort = () => stop.abort(control.signal.reason);
  const cancelDeadline = adapter.options.clock.after(attempt.timeoutMs, () => stop.abort("timeout"));
  control.signal.addEventListener("abort", onAbort, { once: true });
  adapter.running.add(stop);
  try {
    return tidyOutcome(await answerAttempt(adapter, attempt, { control, run }), adapter.secrets);
  } catch (error) {
    if (stop.signal.aborted) return toStoppedOutcome(stop.signal.reason, run.phase);
    return toLostOutcome(error, run.phase, adapter.location);
  } finally {
    adapter.running.delete(stop);
    cancelDeadline();
    control.signal.removeEventListener("abort", onAbort);
  }
}

/** Rejects when the connection is lost or the run was stopped. */
async function answerAttempt(
  adapter: Adapter,
  attempt: RuntimeAttempt,
  { control, run }: { readonly control: RunControl; readonly run: Run },
): Promise<RunOutcome> {
  const { access, history, location } = adapter;
  const choice = await chooseModel(adapter, run.signal);
  if (choice.kind === "none") return { kind: "failed", failure: choice.failure };
  adapter.convention ??= await findConvention(access, choice.model, run.signal);
  const sessions = adapter.convention;
  const sessionKey = sessions === "history" ? (attempt.session?.key ?? null) : null;
  const earlier = sessionKey === null ? [] : history.messagesOf(sessionKey);
  const request = toChatRequest(attempt, { model: choice.model, sessions, history: earlier });
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

/** What a run settles with when its request failed for another reason than being stopped. */
function toLostOutcome(error: unknown, phase: Run["phase"], location: string): RunOutcome {
  const code = errorCodeOf(error);
  const outcome = matchConnectionOutcome(phase === "answering" ? null : code, location);
  if (phase !== "preparing" || outcome.kind !== "lost") return outcome;
  return { kind: "failed", failure: { class: "refused", message: outcome.reason } };
}

/** What a run settles with when it was stopped: by its attempt, its deadline or the end of the agent. */
function toStoppedOutcome(reason: unknown, phase: Run["phase"]): RunOutcome {
  if (reason !== closedReason) return toStopOutcome(reason);
  return phase === "preparing" ? closedOutcome : { ...closedOutcome, started: true, fenced: false };
}

/** Other programs had a part in these texts: no key gets through, nor more than a line. */
function tidyOutcome(outcome: RunOutcome, secrets: readonly Secret[]): RunOutcome {
  if (outcome.kind !== "failed") return outcome;
  const failure = { ...outcome.failure, message: tidyMessage(outcome.failure.message, secrets) };
  return { kind: "failed", failure };
}

async function readFailure(
  response: Response,
  location: string,
  path: ChatRequest["path"],
): Promise<Failure> {
  const body = readJson(await readBoundedBody(response, maxErrorBytes));
  return matchStatusFailure(response.status, readServerError(body), { location, path });
}

function toOutcome(end: AnswerEnd, location: string): RunOutcome {
  switch (end.kind) {
    case "finished":
      if (end.text === "") return { kind: "failed", failure: matchEmptyAnswer(end.finishReason, location) };
      return { kind: "succeeded", text: end.text };
    case "error":
      return { kind: "failed", failure: matchStreamFailure(end.error, location) };
    case "too_large":
      return {
        kind: "failed",
        failure: { class: "too_large", message: `the answer of ${location} is longer than 8 MiB` },
      };
    case "cut":
      return matchConnectionOutcome(null, location);
    case "foreign":
      return {
        kind: "failed",
        failure: {
          class: "runtime_error",
          kind: "bad_request",
          message: `${location} is not an OpenAI-compatible server: it answered with ${end.contentType}`,
        },
      };
    default:
      return end satisfies never;
  }
}
