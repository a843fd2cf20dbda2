import { nextLoopTurn } from "../../platform/loop-turn.ts";
import { createTurns } from "../../platform/turns.ts";
import type { NodeId } from "../../protocol/ids.ts";

/**
 * Bytes of one node's answers that are being read at once: as much as is kept of the unfinished answers of a node with a
 * link, and several times what a node needs whose answers are long now and then.
 */
export const maxNodeReadingBytes = 64 * 1024 * 1024;

/** The same of all nodes together. */
export const maxReadingBytes = 256 * 1024 * 1024;

/**
 * Bytes at the beginning of each answer that do not count: however many long answers others send, one of the usual
 * length is read. The number of calls bounds these.
 */
export const uncountedBytes = 256 * 1024;

/** Characters of an answer that is taken over at once: longer ones wait for a turn. */
export const maxPromptLength = 64 * 1024;

export interface AnswerReadingOptions {
  /** Default {@link maxNodeReadingBytes}. */
  readonly maxNodeBytes?: number;
  /** Default {@link maxReadingBytes}. */
  readonly maxBytes?: number;
  /** Default {@link uncountedBytes}. */
  readonly uncountedBytes?: number;
  /** Default: the next turn of the event loop. */
  readonly nextTurn?: () => Promise<void>;
}

/** What the answers of direct nodes may cost while they are read: a node can end all of its calls at the same moment. */
export interface AnswerReading {
  readonly begin: (nodeId: NodeId) => ReadingAnswer;
}

/** One answer that is being read. */
export interface ReadingAnswer {
  /** Counts bytes that have come. @returns whether they may be kept */
  readonly take: (bytes: number) => boolean;
  /** Whether bytes of it were refused. */
  readonly isBeyond: () => boolean;
  /** Resolves when an answer of this many characters may be taken over: one long answer in a turn of the event loop. */
  readonly turn: (length: number) => Promise<void>;
  /** It was taken over, or given up. */
  readonly end: () => void;
}

export function createAnswerReading(options: AnswerReadingOptions = {}): AnswerReading {
  const { maxNodeBytes = maxNodeReadingBytes, maxBytes = maxReadingBytes } = options;
  const { uncountedBytes: uncounted = uncountedBytes, nextTurn = nextLoopTurn } = options;
  const turns = createTurns();
  /** Counted bytes of the nodes that have some. */
  const bytesOf = new Map<NodeId, number>();
  let allBytes = 0;

  function add(nodeId: NodeId, bytes: number): void {
    const left = (bytesOf.get(nodeId) ?? 0) + bytes;
    if (left === 0) bytesOf.delete(nodeId);
    else bytesOf.set(nodeId, left);
    allBytes += bytes;
  }

  return {
    begin: (nodeId) => {
      let length = 0;
      let counted = 0;
      let isBeyond = false;
      return {
        take: (bytes) => {
          length += bytes;
          const more = Math.max(0, length - uncounted) - counted;
          const ofNode = (bytesOf.get(nodeId) ?? 0) + more;
          if (more > 0 && (ofNode > maxNodeBytes || allBytes + more > maxBytes)) isBeyond = true;
          if (isBeyond) return false;
          add(nodeId, more);
          counted += more;
          return true;
        },
        isBeyond: () => isBeyond,
        turn: async (characters) => {
          if (characters > maxPromptLength) await turns.inTurn(nextTurn);
        },
        end: () => {
          add(nodeId, -counted);
          counted = 0;
        },
      };
    },
  };
}
