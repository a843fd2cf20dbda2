import type { OnFault } from "../platform/fault.ts";
import type { AttemptKey } from "../protocol/ids.ts";
import type { AttemptRef, NodeFrame } from "../protocol/link/v1/frames.ts";
import type { RunOutcome } from "../runtimes/runtime.ts";
import { answerChunks, fitsInline, toOutcomeFrame } from "./attempt-outcome.ts";

/** The part of a link that carries a node's frames. */
export interface FrameLink {
  readonly isUp: () => boolean;
  readonly send: (frame: NodeFrame) => void;
  readonly whenRoom: () => Promise<boolean>;
}

export interface OutcomeSenderDeps {
  readonly link: FrameLink;
  /** The outcome as the journal has it; null when it was acknowledged meanwhile. */
  readonly loadOutcome: (key: AttemptKey) => RunOutcome | null;
  /** One outcome could not be sent; the others go on. */
  readonly onFault: OnFault;
}

/**
 * Brings outcomes to the coordinator. Short ones go at once; long answers, and all that waited for a link, one after
 * the other as the link has room. What a lost link cut short is sent again by the next {@link OutcomeSender.resend}.
 */
export interface OutcomeSender {
  readonly send: (key: AttemptKey, ref: AttemptRef, outcome: RunOutcome) => void;
  /** A new link: everything that is unacknowledged goes again. */
  readonly resend: (waiting: readonly { readonly key: AttemptKey; readonly ref: AttemptRef }[]) => void;
  /** The link is gone: nothing more of what is under way. */
  readonly interrupt: () => void;
}

export function createOutcomeSender(deps: OutcomeSenderDeps): OutcomeSender {
  const { link } = deps;
  const queue: { readonly key: AttemptKey; readonly ref: AttemptRef }[] = [];
  /** Counts links, so that work begun for one does not go on over the next. */
  let epoch = 0;
  let isWorking = false;

  const sendLong = async (ref: AttemptRef, text: string, of: number): Promise<boolean> => {
    for (const chunk of answerChunks(ref, text)) {
      if (!(await link.whenRoom()) || of !== epoch) return false;
      link.send(chunk);
    }
    return true;
  };

  const work = async (of: number) => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (!(await link.whenRoom()) || of !== epoch) return;
      const outcome = deps.loadOutcome(next.key);
      if (outcome === null) continue;
      const isLong = outcome.kind === "succeeded" && !fitsInline(outcome);
      if (isLong && !(await sendLong(next.ref, outcome.text, of))) return;
      link.send(toOutcomeFrame(next.ref, outcome));
    }
  };

  const startWork = () => {
    if (isWorking) return;
    isWorking = true;
    const of = epoch;
    void work(of)
      .catch(deps.onFault)
      .finally(() => {
        isWorking = false;
        if (queue.length > 0 && link.isUp()) startWork();
      });
  };

  return {
    send: (key, ref, outcome) => {
      if (!link.isUp()) return;
      if (fitsInline(outcome)) {
        link.send(toOutcomeFrame(ref, outcome));
        return;
      }
      queue.push({ key, ref });
      startWork();
    },
    resend: (waiting) => {
      epoch += 1;
      queue.splice(0, queue.length, ...waiting);
      if (queue.length > 0) startWork();
    },
    interrupt: () => {
      epoch += 1;
      queue.length = 0;
    },
  };
}
