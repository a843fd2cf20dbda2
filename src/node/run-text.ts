import { maxChunkLength } from "../protocol/link/v1/frames.ts";
import { maxSnapshotLength } from "../protocol/task.ts";
import type { RunChunk } from "../runtimes/runtime.ts";

/**
 * The text of one run so far, and which part of it the coordinator lacks. Many small pieces become few chunks, and only
 * about the newest {@link maxSnapshotLength} are kept: the text is a preview until the result brings the whole.
 */
export interface RunText {
  /** A piece as the runtime brought it. */
  readonly add: (chunk: RunChunk) => void;
  /** Length as the coordinator counts it. */
  readonly length: () => number;
  /** Whether the coordinator lacks something. */
  readonly isDirty: () => boolean;
  /** What the coordinator lacks, in chunks that fit a frame; from then on it counts as sent. */
  readonly takeChunks: () => readonly RunChunk[];
  /** A new link: the coordinator has the text up to this offset. */
  readonly resumeFrom: (offset: number) => void;
}

export function createRunText(): RunText {
  /** The newest part of the text; it begins at `keptFrom`. Offsets in here are the runtime's. */
  let kept = "";
  let keptFrom = 0;
  /** The runtime's offset that is 0 at the coordinator; it moves when the text before it is no longer kept. */
  let base = 0;
  /** From here on the coordinator lacks the text; null: it has everything. */
  let dirtyFrom: number | null = null;
  /** Whether text was ever replaced; then the coordinator's length does not tell which text it has. */
  let wasReplaced = false;
  /** Whether this process saw any text; until then the coordinator may keep what a former one had sent. */
  let hasBegun = false;

  const end = () => keptFrom + kept.length;

  /** The coordinator shall drop what it has and take the kept text as the whole. */
  const startAgain = () => {
    wasReplaced = true;
    base = keptFrom;
    dirtyFrom = hasBegun ? keptFrom : null;
  };

  const trim = () => {
    if (kept.length <= 2 * maxSnapshotLength) return;
    const cut = kept.length - maxSnapshotLength;
    kept = kept.slice(cut);
    keptFrom += cut;
    if (dirtyFrom !== null && dirtyFrom < keptFrom) startAgain();
  };

  return {
    add: ({ offset, text }) => {
      hasBegun = true;
      if (offset < end()) wasReplaced = true;
      const isGap = offset > end();
      const isWithin = offset >= keptFrom && !isGap;
      kept = isWithin ? kept.slice(0, offset - keptFrom) + text : text;
      if (!isWithin) keptFrom = offset;
      // Before all that the coordinator counts, or after a gap: only the kept piece makes sense to it.
      if (offset < base || isGap) startAgain();
      else dirtyFrom = Math.min(dirtyFrom ?? offset, offset);
      trim();
    },
    length: () => end() - base,
    isDirty: () => dirtyFrom !== null,
    takeChunks: () => {
      if (dirtyFrom === null) return [];
      const chunks: RunChunk[] = [];
      let at = dirtyFrom;
      dirtyFrom = null;
      do {
        const text = kept.slice(at - keptFrom, at - keptFrom + maxChunkLength);
        chunks.push({ offset: at - base, text });
        at += text.length;
      } while (at < end());
      return chunks;
    },
    resumeFrom: (offset) => {
      const from = base + offset;
      if (wasReplaced || from < keptFrom || from > end()) startAgain();
      else if (from < end()) dirtyFrom = Math.min(dirtyFrom ?? from, from);
      else dirtyFrom = null;
    },
  };
}
