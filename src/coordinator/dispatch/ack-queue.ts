import type { Deadlines } from "../../platform/deadlines.ts";
import type { Log } from "../../platform/log.ts";
import type { AttemptRef } from "../../protocol/link/v1/frames.ts";
import type { LinkToNode } from "../nodes/mesh-node.ts";

/**
 * Acknowledges outcomes once they are durable in full: until then a node keeps them in its journal. Many share one
 * full commit, so a message costs no fsync of its own.
 */
export interface AckQueue {
  /** The outcome has been committed; the ack follows after the next full commit. */
  readonly add: (link: LinkToNode, attempt: AttemptRef) => void;
}

/** Pause before outcomes are synced again when the disk did not take them. */
const retryMs = 1000;

interface WaitingAck {
  readonly link: LinkToNode;
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
      waiting = [...batch.filter(({ link }) => link.isOpen), ...waiting];
      await new Promise<void>((resolve) => deadlines.in(retryMs, resolve));
      return;
    }
    for (const { link, attempt } of batch) link.send({ type: "ack", ...attempt });
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
    add: (link, { task, attempt }) => {
      waiting.push({ link, attempt: { task, attempt } });
      if (!isSyncing) void flush();
    },
  };
}
