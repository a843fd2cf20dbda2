import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";

/** One turn of a conversation as it is kept. */
const Message = z.object({
  role: z.enum(["user", "assistant"]),
  content: z.string(),
  created_at: z.string(),
});
export type StoredMessage = z.infer<typeof Message>;

const Session = z.object({
  id: z.string(),
  name: z.string().nullable(),
  agent: z.string(),
  createdAt: z.string(),
  lastActivity: z.string(),
  messages: z.array(Message),
  state: z.enum(["idle", "running", "error"]),
  turnId: z.string().nullable(),
});
export type StoredSession = z.infer<typeof Session>;

/** Conversations by their id; the id of a caller may be written with the `gw_` of the store before it. */
export interface SessionStore {
  readonly get: (id: string) => StoredSession | null;
  /** Makes it when there is none. */
  readonly open: (id: string, agent: string, name: string | null) => StoredSession;
  readonly append: (id: string, messages: readonly Omit<StoredMessage, "created_at">[]) => void;
  readonly setState: (id: string, state: StoredSession["state"], turnId: string | null) => void;
  readonly rename: (id: string, name: string) => void;
  readonly remove: (id: string) => boolean;
  readonly list: () => readonly StoredSession[];
}

const prefix = "gw_";

/** @param file where they outlive the process; null: in memory alone */
export function createSessionStore(file: string | null): SessionStore {
  const sessions = new Map<string, StoredSession>(load(file).map((session) => [session.id, session]));
  const bare = (id: string) => (sessions.has(id) || !id.startsWith(prefix) ? id : id.slice(prefix.length));
  const change = (id: string, edit: (session: StoredSession) => StoredSession) => {
    const session = sessions.get(bare(id));
    // A turn that ends after its session was deleted does not bring it back.
    if (session === undefined) return;
    sessions.set(session.id, { ...edit(session), lastActivity: now() });
    save(file, [...sessions.values()]);
  };
  return {
    get: (id) => sessions.get(bare(id)) ?? null,
    open: (id, agent, name) => {
      const fresh = { id, name: null, agent, createdAt: now(), lastActivity: now(), messages: [] };
      const before = sessions.get(id) ?? { ...fresh, state: "idle" as const, turnId: null };
      const session = { ...before, agent, name: name ?? before.name };
      sessions.set(id, session);
      save(file, [...sessions.values()]);
      return session;
    },
    append: (id, messages) =>
      change(id, (session) => ({
        ...session,
        messages: [...session.messages, ...messages.map((message) => ({ ...message, created_at: now() }))],
      })),
    setState: (id, state, turnId) => change(id, (session) => ({ ...session, state, turnId })),
    rename: (id, name) => change(id, (session) => ({ ...session, name })),
    remove: (id) => {
      const isGone = sessions.delete(bare(id));
      save(file, [...sessions.values()]);
      return isGone;
    },
    list: () => [...sessions.values()],
  };
}

export const sessionKeyOf = (id: string) => `${prefix}${id}`;

const now = () => new Date().toISOString();

function load(file: string | null): readonly StoredSession[] {
  if (file === null) return [];
  try {
    return z.array(Session).parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function save(file: string | null, sessions: readonly StoredSession[]): void {
  if (file === null) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(sessions));
}
