/** What we ask of a gateway over a connection: each call one method, its answer parsed. */
import type { z } from "zod";
import type { RuntimeAttempt } from "../runtime.ts";
import type { GatewayConnection, RequestOptions } from "./connection.ts";
import {
  ChatHistory,
  FullMessage,
  type HistoryMessage,
  SessionDescription,
  WaitAnswer,
} from "./gateway-schemas.ts";
import type { GatewayReply } from "./reply.ts";
import { toSessionKey } from "./session-key.ts";

/** Longest text that the history gives; the gateway's own limit. Longer ones are read one by one. */
const historyMaxChars = 500_000;
/** Longest text of a single message; the gateway's own limit. */
const messageMaxChars = 2_000_000;
/** Beyond the gateway's own wait, for the answer to arrive. */
const waitSlackMs = 5_000;

/** null: no answer, or an error. */
type Maybe<T> = Promise<T | null>;

/**
 * How OpenClaw is told that a text is another owner's: it keeps that with the message, and tells its model ahead of the
 * text that this is data of another session and not the word of its user.
 */
const untrustedProvenance = {
  kind: "inter_session",
  sourceChannel: "claw-mesh",
  sourceTool: "untrusted",
} as const;

/** Submits the attempt. Its key is the run id and makes the call idempotent within one gateway process. */
export function sendAgent(
  connection: GatewayConnection,
  attempt: RuntimeAttempt,
  how: { readonly timeoutS: number; readonly onAccepted: RequestOptions["onAccepted"] & {} },
): Promise<GatewayReply> {
  const params = {
    message: attempt.content,
    sessionKey: toSessionKey(attempt),
    idempotencyKey: attempt.key,
    timeout: how.timeoutS,
    deliver: false,
    ...(attempt.isUntrusted ? { inputProvenance: untrustedProvenance } : {}),
  };
  return connection.request("agent", params, { timeoutMs: null, onAccepted: how.onAccepted });
}

/** Waits for a run to end; an answer without `endedAt` says that it has not, or that the gateway does not know it. */
export function fetchRunEnd(connection: GatewayConnection, runId: string, waitMs: number): Maybe<WaitAnswer> {
  const params = { runId, timeoutMs: Math.max(1, Math.round(waitMs)) };
  return ask(connection, {
    method: "agent.wait",
    params: params,
    answer: WaitAnswer,
    timeoutMs: waitMs + waitSlackMs,
  });
}

/** The newest messages of a session, at most `limit` (the gateway's own limit is 1,000). */
export function fetchHistory(
  connection: GatewayConnection,
  sessionKey: string,
  limit: number,
): Maybe<ChatHistory> {
  const params = { sessionKey, limit, maxChars: historyMaxChars };
  return ask(connection, { method: "chat.history", params: params, answer: ChatHistory });
}

/** A message in full, as far as the gateway gives it out. */
export async function fetchMessage(
  connection: GatewayConnection,
  sessionKey: string,
  messageId: string,
): Maybe<HistoryMessage> {
  const params = { sessionKey, messageId, maxChars: messageMaxChars };
  return (
    (await ask(connection, { method: "chat.message.get", params: params, answer: FullMessage }))?.message ??
    null
  );
}

/** null: cannot be told. */
export async function fetchSessionExists(connection: GatewayConnection, sessionKey: string): Maybe<boolean> {
  const answer = await ask(connection, {
    method: "sessions.describe",
    params: { key: sessionKey },
    answer: SessionDescription,
  });
  return answer === null ? null : answer.session !== null;
}

interface Question<T extends z.ZodType> {
  readonly method: string;
  readonly params: unknown;
  readonly answer: T;
  readonly timeoutMs?: number;
}

/** Asks a method and reads its answer with a schema. */
export async function ask<T extends z.ZodType>(
  connection: GatewayConnection,
  { method, params, answer, timeoutMs }: Question<T>,
): Maybe<z.infer<T>> {
  const reply = await connection.request(method, params, timeoutMs === undefined ? {} : { timeoutMs });
  if (reply.kind !== "ok") return null;
  const parsed = answer.safeParse(reply.payload);
  return parsed.success ? parsed.data : null;
}
