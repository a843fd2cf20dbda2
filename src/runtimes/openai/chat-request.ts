import type { RuntimeAttempt } from "../runtime.ts";
import { isOpenclawModel } from "./models.ts";
import type { SessionConvention } from "./session-convention.ts";
import type { ChatMessage } from "./session-history.ts";

export interface ChatRequest {
  /** Below the server's address. */
  readonly path: "/v1/chat/completions" | "/v1/responses";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface RequestOptions {
  readonly model: string;
  readonly sessions: SessionConvention;
  /** What was said before in the session, where the server does not know. */
  readonly history: readonly ChatMessage[];
}

/** The request for one attempt, in which a session is named as the server understands it. */
export function toChatRequest(attempt: RuntimeAttempt, options: RequestOptions): ChatRequest {
  const { model, sessions } = options;
  const isResponses = sessions === "responses";
  const body = isResponses ? toResponsesBody(attempt, model) : toChatBody(attempt, options);
  return {
    path: isResponses ? "/v1/responses" : "/v1/chat/completions",
    headers: {
      "content-type": "application/json",
      "idempotency-key": attempt.key,
      ...toSessionHeader(attempt, options),
    },
    body: JSON.stringify(body),
  };
}

/** The name by which the server keeps a session; told apart from what other programs keep there. */
function nameSession(session: NonNullable<RuntimeAttempt["session"]>): string {
  return `claw-mesh:${session.key}`;
}

function toSessionHeader(
  { session }: RuntimeAttempt,
  { model, sessions }: RequestOptions,
): Readonly<Record<string, string>> {
  if (session === null) return {};
  // OpenClaw keeps sessions by this header on both paths, and by nothing else that is sent here.
  if (isOpenclawModel(model)) {
    return sessions === "header" || sessions === "responses"
      ? { "x-openclaw-session-key": nameSession(session) }
      : {};
  }
  return sessions === "header" ? { "x-session-key": nameSession(session) } : {};
}

function toChatBody(attempt: RuntimeAttempt, { model, sessions, history }: RequestOptions): object {
  const { session, content } = attempt;
  const user: ChatMessage = { role: "user", content };
  const messages = sessions === "history" ? [...history, user] : [user];
  const body = { model, messages, stream: true };
  switch (sessions) {
    case "body":
      // Without a session of its own, a message would end up in the one that all such messages share.
      return {
        ...body,
        session_id: session === null ? `claw-mesh:task:${attempt.key}` : nameSession(session),
      };
    case "history":
      return session === null ? body : { ...body, user: session.key };
    default:
      return body;
  }
}

function toResponsesBody({ session, content }: RuntimeAttempt, model: string): object {
  const body = { model, input: content, stream: true };
  if (session === null) return { ...body, store: false };
  return isOpenclawModel(model) ? body : { ...body, conversation: nameSession(session) };
}
