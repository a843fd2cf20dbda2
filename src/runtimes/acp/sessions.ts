import { methods, RequestError } from "@agentclientprotocol/sdk";
import { NewSessionAnswer } from "./agent-answers.ts";
import type { AgentLink } from "./agent-process.ts";
import type { KeptSessions } from "./kept-sessions.ts";
import { maxKeptSessions } from "./kept-sessions.ts";

/** Conversations that are open in the agent at once; the one used longest ago is closed first. */
export const maxOpenSessions = 64;

/** The agent wants somebody to log in. */
export const authRequiredCode = -32000;

/** Conversations of the mesh as sessions of the agent. */
export interface Sessions {
  /**
   * The id at the agent of a conversation, which is opened when it is not; null: a new one for a single message.
   * @throws RequestError what the agent refused with; another error when it is gone
   */
  readonly open: (link: AgentLink, meshKey: string | null) => Promise<string>;
  /** The message is over: the session of a single message is closed. */
  readonly release: (
    link: AgentLink,
    session: { readonly id: string; readonly meshKey: string | null },
  ) => void;
}

interface SessionsOptions {
  readonly cwd: string;
  readonly kept: KeptSessions;
}

interface Entry {
  readonly id: string;
  /** The process that has it open; null: none since it was read from the file, or closed. */
  openIn: AgentLink | null;
  /** Messages that are at work in it. */
  users: number;
}

export function createSessions({ cwd, kept }: SessionsOptions): Sessions {
  /** By mesh session, in order of last use, as a Map keeps the order of insertion. */
  const entries = new Map<string, Entry>();
  let loading: Promise<void> | null = null;

  const load = async () => {
    const ids = await kept.load();
    for (const [meshKey, id] of ids) entries.set(meshKey, { id, openIn: null, users: 0 });
  };
  const save = () => void kept.save(new Map([...entries].map(([meshKey, { id }]) => [meshKey, id])));

  const closeOldest = (link: AgentLink) => {
    const open = [...entries.values()].filter(({ openIn }) => openIn === link);
    const idle = open.filter(({ users }) => users === 0);
    for (const entry of idle.slice(0, Math.max(0, open.length - maxOpenSessions))) {
      entry.openIn = null;
      closeSession(link, entry.id);
    }
    for (const [meshKey, { users }] of entries) {
      if (entries.size <= maxKeptSessions) return;
      if (users === 0) entries.delete(meshKey);
    }
  };
  const openKept = async (link: AgentLink, meshKey: string): Promise<string> => {
    const before = entries.get(meshKey);
    const isOpen = before?.openIn === link || (before !== undefined && (await takeUp(link, before.id, cwd)));
    const entry: Entry =
      isOpen && before !== undefined ? before : { id: await newSession(link, cwd), openIn: link, users: 0 };
    entry.openIn = link;
    entry.users += 1;
    entries.delete(meshKey);
    entries.set(meshKey, entry);
    closeOldest(link);
    if (entry !== before) save();
    return entry.id;
  };
  return {
    open: async (link, meshKey) => {
      if (meshKey === null) return await newSession(link, cwd);
      loading ??= load();
      await loading;
      return await openKept(link, meshKey);
    },
    release: (link, { id, meshKey }) => {
      const entry = meshKey === null ? undefined : entries.get(meshKey);
      if (meshKey === null) closeSession(link, id);
      else if (entry?.id === id) entry.users -= 1;
    },
  };
}

export async function newSession({ agent }: AgentLink, cwd: string): Promise<string> {
  const answer = await agent.request<unknown>(methods.agent.session.new, { cwd, mcpServers: [] });
  return NewSessionAnswer.parse(answer).sessionId;
}

/**
 * Opens a session that another process of the agent has had; false: this agent cannot, or does not know it any more. Where
 * resuming fails, loading may not: `openclaw acp` resumes only what the same process has opened.
 */
async function takeUp({ agent, info }: AgentLink, sessionId: string, cwd: string): Promise<boolean> {
  const { resume, load } = methods.agent.session;
  const ways = [...(info.canResume ? [resume] : []), ...(info.canLoad ? [load] : [])];
  for (const way of ways) {
    try {
      await agent.request<unknown>(way, { sessionId, cwd, mcpServers: [] });
      return true;
    } catch (error) {
      if (!(error instanceof RequestError) || error.code === authRequiredCode) throw error;
    }
  }
  return false;
}

/** Without waiting: nothing depends on it. */
export function closeSession({ agent, info }: AgentLink, sessionId: string): void {
  if (!info.canClose) return;
  // An agent that has forgotten it, or is gone, has closed it.
  agent.request(methods.agent.session.close, { sessionId }).catch(() => undefined);
}
