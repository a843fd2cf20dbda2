import { type AttemptKey, toAttemptKey } from "../protocol/ids.ts";
import type { AttemptRef, LostFrame, RefuseFrame } from "../protocol/link/v1/frames.ts";
import type { FrameLink } from "./outcome-sender.ts";

/** Attempts whose disowning is remembered; of more, the oldest are forgotten. */
export const maxDisowned = 10_000;

const maxReasonLength = 1024;

/**
 * Attempts of which this node said that it does not have them and never will. An offer for one of them may still be on
 * its way: it must not make that untrue.
 */
export interface DisownedAttempts {
  /** Not now: says why. */
  readonly refuse: (ref: AttemptRef, reason: RefuseFrame["reason"], message: string) => void;
  /** Says that there is nothing of it here, so that nothing of it is to come. */
  readonly lose: (ref: AttemptRef, started: boolean, reason: string) => void;
  /** Answers an offer for one of them. @returns whether it is one */
  readonly answer: (key: AttemptKey) => boolean;
}

export function createDisownedAttempts(link: Pick<FrameLink, "send">): DisownedAttempts {
  const disowned = new Map<AttemptKey, LostFrame>();

  const remember = ({ task, attempt }: AttemptRef, started: boolean, reason: string): LostFrame => {
    // What was never started can do nothing more.
    const lost: LostFrame = { type: "lost", task, attempt, started, fenced: !started, reason };
    for (const oldest of disowned.keys()) {
      if (disowned.size < maxDisowned) break;
      disowned.delete(oldest);
    }
    disowned.set(toAttemptKey(task, attempt), lost);
    return lost;
  };

  return {
    refuse: (ref, reason, message) => {
      const cut = message.slice(0, maxReasonLength);
      remember(ref, false, cut);
      link.send({ type: "refuse", task: ref.task, attempt: ref.attempt, reason, message: cut });
    },
    lose: (ref, started, reason) => link.send(remember(ref, started, reason)),
    answer: (key) => {
      const lost = disowned.get(key);
      if (lost === undefined) return false;
      link.send(lost);
      return true;
    },
  };
}
