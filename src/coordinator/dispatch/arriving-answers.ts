import type { NodeId } from "../../protocol/ids.ts";
import type { ChunkFrame } from "../../protocol/link/v1/frames.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { MeshNode } from "../nodes/mesh-node.ts";
import type { LiveTask } from "../tasks/live-task.ts";

/**
 * Bytes of memory that the unfinished answers of one node take at most. A node sends one long answer after the other, so
 * that this is several times what it needs.
 */
export const maxArrivingBytes = 64 * 1024 * 1024;

/** Bytes that a part takes beside its text. */
const partBytes = 64;

/** `useless`: it changed nothing, or began again what was there. `too_much`: the node has sent more than is kept. */
export type TakenPart = "kept" | "useless" | "too_much";

/** The long answers that nodes send in parts, until their results say that they are whole. */
export interface ArrivingAnswers {
  readonly take: (node: MeshNode, live: LiveTask, part: ChunkFrame) => TakenPart;
}

export function createArrivingAnswers(
  onNode: (nodeId: NodeId) => readonly LiveTask[],
  maxBytes: number = maxArrivingBytes,
): ArrivingAnswers {
  /** Never less than what the node's parts take: ends of answers are found when that would be too much. */
  const atMostBytes = new WeakMap<MeshNode, number>();

  function hasRoom(node: MeshNode, bytes: number): boolean {
    let taken = (atMostBytes.get(node) ?? 0) + bytes;
    if (taken > maxBytes) taken = onNode(node.id).reduce((sum, live) => sum + bytesOf(live), bytes);
    atMostBytes.set(node, taken);
    return taken <= maxBytes;
  }

  return {
    take: (node, live, { offset, text }) => {
      const isAgain = offset === 0 && live.answerLength > 0;
      if (offset === 0) forgetParts(live);
      // A part out of order, or too much of it, spoils the answer: the check of its length and hash finds that.
      if (offset !== live.answerLength || live.answerLength > maxAnswerBytes || text === "") return "useless";
      if (!hasRoom(node, textBytes(text.length, 1))) {
        forgetParts(live);
        return "too_much";
      }
      live.answerParts.push(text);
      live.answerLength += text.length;
      return isAgain ? "useless" : "kept";
    },
  };
}

function forgetParts(live: LiveTask): void {
  live.answerParts = [];
  live.answerLength = 0;
}

function bytesOf({ answerLength, answerParts }: LiveTask): number {
  return textBytes(answerLength, answerParts.length);
}

function textBytes(length: number, parts: number): number {
  return 2 * length + partBytes * parts;
}
