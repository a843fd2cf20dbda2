import { randomUUID } from "node:crypto";
import type { ServerWebSocket } from "bun";
import { z } from "zod";
import { runTurn } from "./agent-turn.ts";
import type { GatewayState } from "./gateway-state.ts";
import { ProviderFailure } from "./provider.ts";
import { QueueRefusal } from "./turn-queue.ts";

/** What is known of a socket of `/ws/chat`. */
export interface ChatSocket {
  readonly agent: string;
  readonly sessionId: string;
  readonly name: string | null;
  turn: RunningTurn | null;
  isFirst: boolean;
  isClosed: boolean;
}

interface RunningTurn {
  readonly stop: AbortController;
  readonly steering: string[];
  readonly approvals: Map<string, (decision: string) => void>;
}

type Socket = ServerWebSocket<ChatSocket>;

const ClientFrame = z.object({
  type: z.string(),
  content: z.string().optional(),
  request_id: z.string().optional(),
  decision: z.string().optional(),
});

const steeringDepth = 32;
const approvalTimeoutMs = 120_000;

const send = (socket: Socket, frame: object) => void socket.send(JSON.stringify(frame));
const fail = (socket: Socket, code: string, message: string) =>
  send(socket, { type: "error", message, code });

/** The WebSocket chat of 0.8.4, and what older profiles have of it. */
export function createChatHandlers(state: GatewayState) {
  return {
    maxPayloadLength: 64 * 1024 * 1024,
    open: (socket: Socket) => {
      if (state.profile === "0.1") return;
      const { sessionId, agent, name } = socket.data;
      const before = state.sessions.get(sessionId)?.messages.length ?? 0;
      const session = state.sessions.open(sessionId, agent, name);
      send(socket, {
        type: "session_start",
        session_id: sessionId,
        resumed: before > 0,
        message_count: before,
        ...(session.name === null ? {} : { name: session.name }),
      });
    },
    message: async (socket: Socket, text: string | Buffer) => await onMessage(state, socket, String(text)),
    close: (socket: Socket) => {
      socket.data.isClosed = true;
      // Before 0.8 nothing reads the socket during a turn, which goes on to its end (inferred).
      if (state.profile === "0.8") socket.data.turn?.stop.abort("closed");
    },
  };
}

async function onMessage(state: GatewayState, socket: Socket, text: string): Promise<void> {
  const { data } = socket;
  const isFirst = data.isFirst;
  data.isFirst = false;
  const frame = readFrame(text);
  if (frame === null) return fail(socket, "INVALID_JSON", "Invalid JSON");
  if (isFirst && frame.type === "connect") {
    return send(socket, { type: "connected", message: "Connection established" });
  }
  if (frame.type === "approval_response") return answerApproval(socket, frame);
  if (frame.type !== "message") {
    return fail(socket, "UNKNOWN_MESSAGE_TYPE", `Unsupported message type "${frame.type}".`);
  }
  const content = frame.content ?? "";
  if (content === "") return fail(socket, "EMPTY_CONTENT", "Message content cannot be empty");
  if (data.turn !== null) return steer(state, socket, content);
  if (state.knobs.needsQuickstart === true || state.config.agents[data.agent]?.model === null) {
    const what = { error: "needs_onboarding", code: "NEEDS_ONBOARDING", url: "/onboard" };
    send(socket, { type: "error", message: "No model is configured.", ...what });
    return socket.close();
  }
  await takeTurn(state, socket, content);
}

function readFrame(text: string): z.infer<typeof ClientFrame> | null {
  try {
    return ClientFrame.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function steer(state: GatewayState, socket: Socket, content: string): void {
  const { turn } = socket.data;
  if (turn === null || turn.stop.signal.aborted) {
    fail(socket, "STEERING_CLOSED", "Running turn is no longer accepting steering messages");
    return;
  }
  if (turn.steering.length >= steeringDepth) {
    fail(socket, "STEERING_QUEUE_FULL", "Steering queue is full for the running turn");
    return;
  }
  turn.steering.push(content);
  state.seen.steering.push(content);
}

function answerApproval(socket: Socket, { request_id, decision }: z.infer<typeof ClientFrame>): void {
  if (request_id === undefined || !["approve", "deny", "always"].includes(decision ?? "")) {
    if (socket.data.turn === null) {
      fail(socket, "INVALID_APPROVAL_RESPONSE", "approval_response requires request_id and decision");
    }
    return;
  }
  socket.data.turn?.approvals.get(request_id)?.(decision ?? "");
}

async function takeTurn(state: GatewayState, socket: Socket, content: string): Promise<void> {
  const { data } = socket;
  const turn: RunningTurn = { stop: new AbortController(), steering: [], approvals: new Map() };
  data.turn = turn;
  try {
    const release = await state.queue.acquire(data.sessionId);
    try {
      await seeThrough(state, socket, content);
    } finally {
      release();
    }
  } catch (error) {
    if (!(error instanceof QueueRefusal)) throw error;
    fail(socket, error.code, error.message);
  } finally {
    data.turn = null;
  }
}

async function seeThrough(state: GatewayState, socket: Socket, content: string): Promise<void> {
  const { data } = socket;
  const { turn } = data;
  const agent = state.config.agents[data.agent];
  const model = agent?.model ?? null;
  if (turn === null || agent === undefined || model === null) return;
  const turnId = randomUUID();
  state.turns.set(data.sessionId, turn.stop);
  state.sessions.setState(data.sessionId, "running", turnId);
  // The socket may have been closed while the message waited for its turn.
  if (data.isClosed) turn.stop.abort("closed");
  const isSingle = state.profile === "0.1";
  let shown = "";
  const stray = state.knobs.strayChunk;
  if (stray !== undefined) send(socket, { type: "chunk", content: stray });
  try {
    const text = await orAborted(
      runTurn({
        agent,
        model,
        history: isSingle ? [] : (state.sessions.get(data.sessionId)?.messages ?? []),
        content,
        hasTools: true,
        stream: true,
        signal: turn.stop.signal,
        emit: (event) => {
          if (event.type === "chunk") shown += event.content;
          if (!isSingle) send(socket, event);
        },
        askApproval: (tool, args) => askApproval(state, socket, { tool, args }),
        takeSteering: () => turn.steering.splice(0),
      }),
      turn.stop.signal,
    );
    keep(state, data.sessionId, content, text);
    state.sessions.setState(data.sessionId, "idle", null);
    send(socket, toDone(text, model));
  } catch (error) {
    endBadly(state, socket, { error, turnId, content, shown });
  } finally {
    if (state.turns.get(data.sessionId) === turn.stop) state.turns.delete(data.sessionId);
  }
}

interface BadEnd {
  readonly error: unknown;
  readonly turnId: string;
  readonly content: string;
  readonly shown: string;
}

function endBadly(state: GatewayState, socket: Socket, { error, turnId, content, shown }: BadEnd): void {
  const { sessionId, turn } = socket.data;
  if (turn?.stop.signal.aborted === true) {
    state.seen.cancelled.push(sessionId);
    keep(state, sessionId, content, `${shown === "" ? "" : `${shown}\n\n`}[Interrupted by user]`);
    send(socket, { type: "aborted" });
    state.sessions.setState(sessionId, "idle", null);
    return;
  }
  state.sessions.setState(sessionId, "error", turnId);
  const failure = error instanceof ProviderFailure ? error : new ProviderFailure(String(error));
  fail(socket, failure.code, failure.message);
}

function keep(state: GatewayState, sessionId: string, content: string, answer: string): void {
  state.sessions.append(sessionId, [
    { role: "user", content },
    { role: "assistant", content: answer },
  ]);
}

async function askApproval(
  state: GatewayState,
  socket: Socket,
  { tool, args }: { readonly tool: string; readonly args: unknown },
): Promise<boolean> {
  const { turn } = socket.data;
  // Before 0.8 nobody is asked, and the policy alone decides.
  if (turn === null || state.profile !== "0.8") return false;
  const timeoutMs = state.knobs.approvalTimeoutMs ?? approvalTimeoutMs;
  const requestId = randomUUID();
  const { promise, resolve } = Promise.withResolvers<string>();
  turn.approvals.set(requestId, resolve);
  const timer = setTimeout(() => resolve("timeout"), timeoutMs);
  send(socket, {
    type: "approval_request",
    request_id: requestId,
    tool,
    arguments_summary: JSON.stringify(args).slice(0, 200),
    timeout_secs: timeoutMs / 1000,
  });
  const decision = await promise.finally(() => {
    clearTimeout(timer);
    turn.approvals.delete(requestId);
  });
  state.seen.approvals.push({ tool, decision });
  return decision === "approve" || decision === "always";
}

function toDone(text: string, { model, provider }: { readonly model: string; readonly provider: string }) {
  const tokens = { input_tokens: null, output_tokens: null, tokens_used: null, cost_usd: null };
  const context = { max_context_tokens: 128_000, last_input_tokens: null };
  return { type: "done", full_response: text, ...tokens, model, provider, ...context };
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  return result;
}
