import type { Deadlines } from "../../platform/deadlines.ts";
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

/** Pause before outcomes are synced again when the disk did not take them. */
const retryMs = 1000;

interface WaitingAck {
  readonly session: NodeSession;
  readonly attempt: AttemptRef;
}

export function createAckQueue(sync: () => Promise<void>, deadlines: Deadlines, log: Log): AckQueue {
  let waiting: WaitingAck[] = [];
  let isSyncing = false;

  async function syncOnce(batch: readonly WaitingAck[]): Promise<void> {
    try {
      await sync();
    } catch (error) {
      log.warn("outcomes cannot be acknowledged yet; trying again", { count: batch.length, error });
      // The node of a link that has closed reports them again by itself.
      waiting = [...batch.filter(({ session }) => session.isOpen), ...waiting];
      await new Promise<void>((resolve) => deadlines.in(retryMs, resolve));
      return;
    }
    for (const { session, attempt } of batch) session.send({ type: "ack", ...attempt });
  }

  async function flush(): Promise<void> {
    isSyncing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await syncOnce(batch);
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
