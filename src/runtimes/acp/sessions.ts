import { methods, RequestError } from "@agentclientprotocol/sdk";
import { NewSessionAnswer } from "./agent-answers.ts";
import { authRequiredCode } from "./agent-outcome.ts";
import type { AgentLink } from "./agent-process.ts";
import type { KeptSessions } from "./kept-sessions.ts";
import { maxKeptSessions } from "./kept-sessions.ts";

/** Conversations that are open in the agent at once; the one used longest ago is closed first. */
export const maxOpenSessions = 64;

/** Ids of single messages that an agent without `session/close` is known to have given; the oldest is forgotten first. */
const maxSingles = 1_000;

/** The session of a message at the agent. */
export type OpenedSession =
  | { readonly kind: "open"; readonly id: string }
  /** The agent has given an id twice: answers of two conversations could be mixed. */
  | { readonly kind: "repeated" };

/** How a message has left its session. */
export interface SessionUse {
  readonly id: string;
  /** null: that of a single message. */
  readonly meshKey: string | null;
  /** The agent answered the message with an error: it may have forgotten the session. */
  readonly isInDoubt: boolean;
}

/** Conversations of the mesh as sessions of the agent. */
export interface Sessions {
  /**
   * The session of a conversation, which is opened when it is not; null: a new one for a single message.
   * @throws RequestError what the agent answered to `session/new`; another error when it is gone
   */
  readonly open: (link: AgentLink, meshKey: string | null) => Promise<OpenedSession>;
  /** The message is over: the session of a single message is closed, one in doubt is opened again for the next message. */
  readonly release: (link: AgentLink, use: SessionUse) => void;
}

interface SessionsOptions {
  readonly cwd: string;
  readonly kept: KeptSessions;
}

interface Entry {
  readonly id: string;
  /** The process that has it open; null: none since it was read from the file, closed, or in doubt. */
  openIn: AgentLink | null;
  /** Messages that are at work in it. */
  users: number;
  /** Messages in a row that were answered with an error. */
  failures: number;
}

/** One for all messages that wait for the same conversation: one that was cancelled and comes late is the next one's. */
interface Opening {
  readonly link: AgentLink;
  readonly opened: Promise<OpenedSession>;
  waiting: number;
}

export function createSessions({ cwd, kept }: SessionsOptions): Sessions {
  /** By mesh session, in order of last use, as a Map keeps the order of insertion. */
  const entries = new Map<string, Entry>();
  const openings = new Map<string, Opening>();
  /** Ids of single messages, and the process that has given them. */
  const singles = new Map<string, AgentLink>();
  let loading: Promise<void> | null = null;

  const load = async () => {
    const ids = await kept.load();
    for (const [meshKey, id] of ids) entries.set(meshKey, { id, openIn: null, users: 0, failures: 0 });
  };
  const save = () => void kept.save(new Map([...entries].map(([meshKey, { id }]) => [meshKey, id])));
  const idleIn = (link: AgentLink) =>
    [...entries.values()].filter(({ openIn, users }) => openIn === link && users === 0);

  const closeOldest = (link: AgentLink) => {
    const open = [...entries.values()].filter(({ openIn }) => openIn === link);
    for (const entry of idleIn(link).slice(0, Math.max(0, open.length - maxOpenSessions))) {
      entry.openIn = null;
      void closeSession(link, entry.id);
    }
    for (const [meshKey, { users }] of entries) {
      if (entries.size <= maxKeptSessions) return;
      if (users === 0) entries.delete(meshKey);
    }
  };
  /** A second time with one conversation less: agents have limits of their own, and say so in many ways. */
  const withRoom = async <T>(link: AgentLink, open: () => Promise<T>): Promise<T> => {
    try {
      return await open();
    } catch (error) {
      const oldest = link.info.canClose && isOtherRefusal(error) ? idleIn(link)[0] : undefined;
      if (oldest === undefined) throw error;
      oldest.openIn = null;
      await closeSession(link, oldest.id);
      return await open();
    }
  };
  /** Whether a new session's id is another's. What an agent cannot take up any more may be given again. */
  const isRepeated = (link: AgentLink, id: string, meshKey: string | null): boolean => {
    if (singles.get(id) === link) return true;
    for (const [other, entry] of entries) {
      if (other === meshKey || entry.id !== id) continue;
      if (entry.openIn === link || entry.users > 0 || canTakeUp(link)) return true;
      entries.delete(other);
    }
    return false;
  };
  const openSingle = async (link: AgentLink): Promise<OpenedSession> => {
    const id = await withRoom(link, () => newSession(link, cwd));
    if (isRepeated(link, id, null)) return { kind: "repeated" };
    singles.set(id, link);
    for (const oldest of singles.keys()) {
      if (singles.size <= maxSingles) break;
      singles.delete(oldest);
    }
    return { kind: "open", id };
  };
  const openKept = async (link: AgentLink, meshKey: string): Promise<OpenedSession> => {
    const before = entries.get(meshKey);
    const id = await withRoom(link, async () => {
      if (before?.openIn === link) return before.id;
      if (before !== undefined && (await takeUp(link, before.id, cwd))) return before.id;
      return await newSession(link, cwd);
    });
    if (id !== before?.id && isRepeated(link, id, meshKey)) return { kind: "repeated" };
    const entry = id === before?.id ? before : { id, openIn: link, users: 0, failures: 0 };
    entry.openIn = link;
    entry.users += openings.get(meshKey)?.waiting ?? 0;
    openings.delete(meshKey);
    entries.delete(meshKey);
    entries.set(meshKey, entry);
    closeOldest(link);
    if (entry !== before) save();
    return { kind: "open", id };
  };
  const openShared = async (link: AgentLink, meshKey: string): Promise<OpenedSession> => {
    let opening = openings.get(meshKey);
    while (opening !== undefined && opening.link !== link) {
      // What was asked of a process that is gone has failed, or is about to.
      await Promise.allSettled([opening.opened]);
      opening = openings.get(meshKey);
    }
    if (opening === undefined) {
      opening = { link, opened: Promise.resolve().then(() => openKept(link, meshKey)), waiting: 0 };
      openings.set(meshKey, opening);
    }
    opening.waiting += 1;
    try {
      return await opening.opened;
    } finally {
      if (openings.get(meshKey) === opening) openings.delete(meshKey);
    }
  };
  return {
    open: async (link, meshKey) => {
      loading ??= load();
      await loading;
      return meshKey === null ? await openSingle(link) : await openShared(link, meshKey);
    },
    release: (link, { id, meshKey, isInDoubt }) => {
      if (meshKey === null) {
        if (link.info.canClose) singles.delete(id);
        return void closeSession(link, id);
      }
      const entry = entries.get(meshKey);
      if (entry?.id !== id) return;
      entry.users -= 1;
      entry.failures = isInDoubt ? entry.failures + 1 : 0;
      if (!isInDoubt || entry.openIn !== link) return;
      // One that cannot be taken up again would be lost for an error that passes; a second error in a row tells more.
      if (canTakeUp(link) || entry.failures > 1) entry.openIn = null;
    },
  };
}

export async function newSession({ agent }: AgentLink, cwd: string): Promise<string> {
  const answer = await agent.request<unknown>(methods.agent.session.new, { cwd, mcpServers: [] });
  return NewSessionAnswer.parse(answer).sessionId;
}

function canTakeUp({ info }: AgentLink): boolean {
  return info.canResume || info.canLoad;
}

/** A refusal of any kind but that somebody has to log in. */
function isOtherRefusal(error: unknown): boolean {
  return error instanceof RequestError && error.code !== authRequiredCode;
}

/**
 * Opens a session that another process of the agent has had, or this one has closed; false: this agent cannot, or does not
 * know it any more. Whatever it refuses with: some say so with the code that ACP has for a login, and `session/new` tells
 * whether one is wanted. Where resuming fails, loading may not: `openclaw acp` resumes only what the same process has opened.
 */
async function takeUp({ agent, info }: AgentLink, sessionId: string, cwd: string): Promise<boolean> {
  const { resume, load } = methods.agent.session;
  const ways = [...(info.canResume ? [resume] : []), ...(info.canLoad ? [load] : [])];
  for (const way of ways) {
    try {
      await agent.request<unknown>(way, { sessionId, cwd, mcpServers: [] });
      return true;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
    }
  }
  return false;
}

/** Settles when the agent has closed it; an agent that has forgotten it, or is gone, has. Never rejects. */
export async function closeSession({ agent, info }: AgentLink, sessionId: string): Promise<void> {
  if (!info.canClose) return;
  await Promise.allSettled([agent.request(methods.agent.session.close, { sessionId })]);
}
