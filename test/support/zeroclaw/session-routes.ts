import { z } from "zod";
import type { GatewayState } from "./gateway-state.ts";
import { json } from "./gateway-state.ts";
import { type StoredSession, sessionKeyOf } from "./sessions.ts";

const Named = z.object({ name: z.string() });
const Note = z.object({ content: z.string() });

/** `/api/sessions…` of a caller with a token; null: it is none of these calls. */
export async function answerSessions(
  state: GatewayState,
  request: Request,
  path: string,
): Promise<Response | null> {
  const [, id, part] = /^\/api\/sessions(?:\/([^/]+))?(?:\/(\w+))?$/.exec(path) ?? [null];
  if (id === null) return null;
  if (id === undefined) {
    if (request.method !== "GET") return null;
    return json(200, { sessions: state.sessions.list().map(toListed) });
  }
  if (id === "running" && request.method === "GET") {
    const running = state.sessions.list().filter((session) => state.turns.has(session.id));
    return json(200, { sessions: running.map(toListed) });
  }
  return await answerOne(state, request, { id: decodeURIComponent(id), part: part ?? null });
}

async function answerOne(
  state: GatewayState,
  request: Request,
  { id, part }: { readonly id: string; readonly part: string | null },
): Promise<Response | null> {
  const session = state.sessions.get(id);
  const missing = () => json(404, { error: "Session not found" });
  const isNew = state.profile === "0.8";
  switch (`${request.method} ${part ?? ""}`) {
    case "GET messages":
      return session === null ? missing() : json(200, toMessages(session));
    case "POST messages": {
      const note = Note.safeParse(await request.json().catch(() => null));
      if (!note.success) return json(400, { error: "content is required" });
      if (session === null) return missing();
      state.sessions.append(session.id, [{ role: "assistant", content: note.data.content }]);
      return json(200, { status: "ok" });
    }
    case "GET state": {
      if (!isNew) return null;
      if (session === null) return missing();
      const turn =
        session.turnId === null ? {} : { turn_id: session.turnId, turn_started_at: session.lastActivity };
      return json(200, { session_id: session.id, state: session.state, ...turn });
    }
    case "POST abort": {
      if (!isNew) return null;
      const turn = state.turns.get(session?.id ?? id);
      turn?.abort("aborted");
      return json(200, { status: turn === undefined ? "no_active_response" : "aborted" });
    }
    case "PUT ": {
      const named = Named.safeParse(await request.json().catch(() => null));
      if (!named.success) return json(400, { error: "name is required" });
      if (session === null) return missing();
      state.sessions.rename(session.id, named.data.name);
      return json(200, { session_id: session.id, name: named.data.name });
    }
    case "DELETE ":
      if (session === null) return missing();
      state.turns.get(session.id)?.abort("deleted");
      state.sessions.remove(session.id);
      return json(200, { deleted: true, session_id: session.id });
    default:
      return null;
  }
}

function toListed(session: StoredSession): object {
  return {
    session_id: session.id,
    session_key: sessionKeyOf(session.id),
    created_at: session.createdAt,
    last_activity: session.lastActivity,
    message_count: session.messages.length,
    agent_alias: session.agent,
    channel_id: null,
    ...(session.name === null ? {} : { name: session.name }),
  };
}

function toMessages(session: StoredSession): object {
  return { session_id: session.id, messages: session.messages, session_persistence: true };
}
