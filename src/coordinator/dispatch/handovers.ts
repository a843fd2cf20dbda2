import type { Attempt, Task } from "../../domain/tasks/task.ts";
import type { Log } from "../../platform/log.ts";
import { nextLoopTurn } from "../../platform/loop-turn.ts";
import { type AttemptKey, toAttemptKey } from "../../protocol/ids.ts";
import type { AttemptRef, HelloFrame } from "../../protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { LinkToNode, MeshNode } from "../nodes/mesh-node.ts";
import type { AckQueue } from "./ack-queue.ts";

/** Text of all that a link hands over, in UTF-16 code units: as much as a node's journal holds. */
export const maxHandoverLength = 256 * 1024 * 1024;

/** What one link's hello named. */
interface Handover {
  readonly named: Map<AttemptKey, Named>;
  length: number;
}

interface Named {
  readonly ref: AttemptRef;
  /** The hello says that its outcome waits in the journal, and that it does not run. */
  readonly isOver: boolean;
  /** Of its text that came. */
  length: number;
}

/** An attempt of the node that asks; null: the node has none of this name. */
export type FindAttempt = (
  node: MeshNode,
  ref: AttemptRef,
) => Promise<{ readonly task: Task; readonly attempt: Attempt } | null>;

interface HandoverOptions {
  readonly find: FindAttempt;
  readonly acks: AckQueue;
  readonly log: Log;
}

/**
 * What nodes bring back of former links. A node sends every outcome of its journal as soon as it is welcome, also the long
 * answers of tasks that have ended meanwhile: all of them may be on the way before it can know that nobody needs them.
 */
export interface Handovers {
  /** Tells the node what it need not send at all, one look-up after the other, while it sends. */
  readonly begin: (
    node: MeshNode,
    link: LinkToNode,
    hello: Pick<HelloFrame, "running" | "unacknowledged">,
  ) => void;
  /**
   * Whether text of an attempt that is over is what the hello announced: once each, {@link maxAnswerBytes} at most, and
   * {@link maxHandoverLength} in all. What turns out not to be the node's counts as useless then.
   */
  readonly takeText: (link: LinkToNode, ref: AttemptRef, length: number) => boolean;
}

export function createHandovers({ find, acks, log }: HandoverOptions): Handovers {
  const handoverOf = new WeakMap<LinkToNode, Handover>();

  async function lookUp(node: MeshNode, link: LinkToNode, { ref, isOver }: Named): Promise<boolean> {
    const found = await find(node, ref);
    if (!isOver) return found !== null;
    if (found === null) link.send({ type: "ack", task: ref.task, attempt: ref.attempt, unknown: true });
    else if (isOnRecord(found.attempt, found.task)) acks.add(link, ref);
    return found !== null;
  }

  async function lookUpAll(node: MeshNode, link: LinkToNode, handover: Handover): Promise<void> {
    for (const [key, one] of [...handover.named]) {
      // The welcome goes first, and so does whatever else happens: a record may be long.
      await nextLoopTurn();
      if (!link.isOpen) return;
      const isOwn = await lookUp(node, link, one).catch((error: unknown) => {
        // Nothing is decided: its report is looked up when it comes.
        log.warn("what a node brings back could not be looked up", {
          task: one.ref.task,
          error: String(error),
        });
        return true;
      });
      if (isOwn) continue;
      handover.named.delete(key);
      handover.length -= one.length;
      if (one.length > 0) link.countUseless(one.length);
    }
  }

  return {
    begin: (node, link, { running, unacknowledged }) => {
      const named = new Map<AttemptKey, Named>();
      const name = ({ task, attempt }: AttemptRef, isOver: boolean) =>
        named.set(toAttemptKey(task, attempt), { ref: { task, attempt }, isOver, length: 0 });
      for (const ref of unacknowledged) name(ref, true);
      for (const ref of running) name(ref, false);
      if (named.size === 0) return;
      const handover = { named, length: 0 };
      handoverOf.set(link, handover);
      void lookUpAll(node, link, handover);
    },
    takeText: (link, { task, attempt }, length) => {
      const handover = handoverOf.get(link);
      const one = handover?.named.get(toAttemptKey(task, attempt));
      if (handover === undefined || one === undefined) return false;
      if (one.length + length > maxAnswerBytes || handover.length + length > maxHandoverLength) return false;
      one.length += length;
      handover.length += length;
      return true;
    },
  };
}

/** Whether no report of the attempt can say anything that its record does not: it has its answer, or a late one. */
export function isOnRecord(attempt: Attempt, task: Task): boolean {
  return (
    attempt.isLateResult ||
    (attempt.state === "finished" && attempt.failure === null && task.state === "succeeded")
  );
}
