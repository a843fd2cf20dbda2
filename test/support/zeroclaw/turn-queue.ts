/** Turns of one session, one after another; other sessions go on at the same time. */
export interface TurnQueue {
  /** Resolves with the way to end one's turn. Rejects with {@link QueueRefusal}. */
  readonly acquire: (session: string) => Promise<() => void>;
}

export class QueueRefusal extends Error {
  readonly code: "SESSION_QUEUE_FULL" | "SESSION_QUEUE_TIMEOUT";

  constructor(code: QueueRefusal["code"]) {
    super(code === "SESSION_QUEUE_FULL" ? "Session queue is full" : "Timed out waiting for the session");
    this.code = code;
  }
}

export const queueDepth = 8;
export const queueWaitMs = 30_000;

export function createTurnQueue(waitMs = queueWaitMs): TurnQueue {
  const waiting = new Map<string, (() => void)[]>();
  const release = (session: string) => {
    const next = waiting.get(session)?.shift();
    if (next === undefined) waiting.delete(session);
    else next();
  };
  return {
    acquire: async (session) => {
      const queue = waiting.get(session);
      if (queue === undefined) {
        waiting.set(session, []);
        return () => release(session);
      }
      if (queue.length >= queueDepth) throw new QueueRefusal("SESSION_QUEUE_FULL");
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const entry = () => resolve();
      queue.push(entry);
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(entry), 1);
        reject(new QueueRefusal("SESSION_QUEUE_TIMEOUT"));
      }, waitMs);
      await promise.finally(() => clearTimeout(timer));
      return () => release(session);
    },
  };
}
