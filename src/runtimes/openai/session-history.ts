/** One earlier message of a conversation, as the chat API takes it. */
export interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** Bounds of what is resent and kept; reaching one forgets the oldest. */
export interface HistoryLimits {
  /** Questions with their answers per session. 0 switches the history off. */
  readonly maxTurns: number;
  /** Bytes of text per session; a turn that is longer by itself is not kept. */
  readonly maxSessionBytes: number;
  readonly maxSessions: number;
  /** Bytes of text of all sessions. */
  readonly maxBytes: number;
}

export const defaultHistoryLimits: HistoryLimits = {
  maxTurns: 20,
  maxSessionBytes: 128 * 1024,
  maxSessions: 1_000,
  maxBytes: 32 * 1024 * 1024,
};

export interface SessionHistory {
  /** The session's earlier messages, oldest first. */
  readonly messagesOf: (sessionKey: string) => readonly ChatMessage[];
  readonly append: (sessionKey: string, question: string, answer: string) => void;
}

interface Turn {
  readonly question: string;
  readonly answer: string;
  readonly bytes: number;
}

interface Session {
  readonly turns: Turn[];
  bytes: number;
}

/**
 * What was said in each session, kept in memory for servers that keep nothing themselves. It is gone when the node
 * agent stops, and the sessions used longest ago go first when there are too many.
 */
export function createSessionHistory(limits: HistoryLimits = defaultHistoryLimits): SessionHistory {
  /** In order of last use, as a Map keeps the order of insertion. */
  const sessions = new Map<string, Session>();
  let totalBytes = 0;

  const dropOldestTurn = (session: Session) => {
    const bytes = session.turns.shift()?.bytes ?? 0;
    session.bytes -= bytes;
    totalBytes -= bytes;
  };
  const dropOldestSessions = () => {
    for (const [key, session] of sessions) {
      if (sessions.size <= limits.maxSessions && totalBytes <= limits.maxBytes) return;
      sessions.delete(key);
      totalBytes -= session.bytes;
    }
  };

  return {
    messagesOf: (sessionKey) =>
      (sessions.get(sessionKey)?.turns ?? []).flatMap(({ question, answer }): readonly ChatMessage[] => [
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ]),
    append: (sessionKey, question, answer) => {
      const bytes = Buffer.byteLength(question) + Buffer.byteLength(answer);
      const session = sessions.get(sessionKey) ?? { turns: [], bytes: 0 };
      if (bytes > limits.maxSessionBytes || limits.maxTurns === 0) return;
      sessions.delete(sessionKey);
      sessions.set(sessionKey, session);
      session.turns.push({ question, answer, bytes });
      session.bytes += bytes;
      totalBytes += bytes;
      while (session.turns.length > limits.maxTurns || session.bytes > limits.maxSessionBytes) {
        dropOldestTurn(session);
      }
      dropOldestSessions();
    },
  };
}
