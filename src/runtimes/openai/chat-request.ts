import type { RuntimeAttempt } from "../runtime.ts";
import { isOpenclawModel } from "./models.ts";
import type { ChatMessage } from "./session-history.ts";

export interface ChatRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The request for one attempt; `history` is what was said before in its session, where the server does not know. */
export function toChatRequest(
  attempt: RuntimeAttempt,
  model: string,
  history: readonly ChatMessage[],
): ChatRequest {
  const messages: readonly ChatMessage[] = [...history, { role: "user", content: attempt.content }];
  const session = attempt.session;
  const isOpenclaw = isOpenclawModel(model);
  return {
    headers: {
      "content-type": "application/json",
      "idempotency-key": attempt.key,
      ...(isOpenclaw && session !== null ? { "x-openclaw-session-key": `claw-mesh:${session.key}` } : {}),
    },
    body: JSON.stringify({
      model,
      messages,
      stream: true,
      // On OpenClaw a user is a session too, and the header has named one already.
      ...(session === null || isOpenclaw ? {} : { user: session.key }),
    }),
  };
}
