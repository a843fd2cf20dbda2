import { MeshError } from "../../protocol/errors.ts";
import type { LiveTask } from "./live-task.ts";

/** Messages that wait at most: for a slot, for a node that fits, or for their time. Beyond it: QUEUE_FULL. */
export const maxWaiting = 10_000;

/** Characters of all messages that wait, at most; they are held in memory. */
export const maxWaitingLength = 256 * 1024 * 1024;

/** Counts the messages that wait, and those that will when their commit is done. */
export interface WaitingAllowance {
  readonly size: () => number;
  /** For a new message. Throws QUEUE_FULL. */
  readonly claim: (one: LiveTask) => void;
  /** For one that was accepted long ago: it is not turned away, whatever the limit says. Without effect on one that has a place. */
  readonly grant: (one: LiveTask) => void;
  /** Without effect on one that has no place. */
  readonly giveBack: (one: LiveTask) => void;
}

export function createWaitingAllowance(): WaitingAllowance {
  let count = 0;
  let length = 0;

  function grant(one: LiveTask): void {
    if (one.hasPlace) return;
    one.hasPlace = true;
    count += 1;
    length += one.task.message.content.length;
  }

  return {
    size: () => count,
    claim: (one) => {
      if (count >= maxWaiting || length + one.task.message.content.length > maxWaitingLength) {
        throw new MeshError("QUEUE_FULL", `${count} messages wait already.`);
      }
      grant(one);
    },
    grant,
    giveBack: (one) => {
      if (!one.hasPlace) return;
      one.hasPlace = false;
      count -= 1;
      length -= one.task.message.content.length;
    },
  };
}
