import type { Log } from "../../platform/log.ts";
import type { AttemptRef } from "../../protocol/link/v1/frames.ts";
import type { NodeSession } from "../nodes/mesh-node.ts";

/**
 * Acknowledges outcomes once they are durable in full: until then a node keeps them in its journal. Many share one
 * full commit, so a message costs no fsync of its own.
 */
export interface AckQueue {
  /** The outcome has been committed; the ack follows after the next full commit. */
  readonly add: (session: NodeSession, attempt: AttemptRef) => void;
}

export function createAckQueue(sync: () => Promise<void>, log: Log): AckQueue {
  let waiting: { readonly session: NodeSession; readonly attempt: AttemptRef }[] = [];
  let isSyncing = false;

  async function flush(): Promise<void> {
    isSyncing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await sync();
      } catch (error) {
        // The nodes keep these outcomes and report them again when they reconnect.
        log.warn("outcomes not acknowledged", { count: batch.length, error: String(error) });
        continue;
      }
      for (const { session, attempt } of batch) session.send({ type: "ack", ...attempt });
    }
    isSyncing = false;
  }

  return {
    add: (session, { task, attempt }) => {
      waiting.push({ session, attempt: { task, attempt } });
      if (!isSyncing) void flush();
    },
  };
}
