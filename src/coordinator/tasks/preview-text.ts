import { maxSnapshotLength } from "../../protocol/task.ts";
import { createKeptText } from "./kept-text.ts";

/** What a reader of a running answer gets next. */
export type PreviewPart =
  | {
      readonly kind: "snapshot";
      readonly offset: number;
      readonly text: string;
      readonly isTruncated: boolean;
    }
  | { readonly kind: "chunk"; readonly offset: number; readonly text: string };

/** Characters of one part. Many readers may be slow at once, and each holds a part. */
export const maxPartLength = 16 * 1024;

/** A place in the text; `epoch` counts the times that it started again. */
export interface PreviewPlace {
  readonly epoch: number;
  readonly length: number;
}

/** How far one reader has come. */
export interface PreviewReader {
  /**
   * The next part, or null when the reader has all there is. A reader who comes late, or was overtaken, gets a snapshot: the
   * beginning of what is kept, which chunks continue.
   */
  readonly next: () => PreviewPart | null;
  readonly place: () => PreviewPlace;
}

/**
 * The text of the current attempt so far: a preview, not the answer. Keeps the last {@link maxSnapshotLength} characters;
 * text that starts again makes every reader start again with a snapshot.
 */
export interface PreviewText {
  /** UTF-16 code units received in all. */
  readonly length: () => number;
  /** An offset below the length: the text starts again there. Above it: something was missed, the rest is kept. */
  readonly append: (offset: number, text: string) => void;
  readonly clear: () => void;
  /** @param from goes on there, when that is still kept and the text has not started again since */
  readonly read: (from?: PreviewPlace | null) => PreviewReader;
}

export function createPreviewText(): PreviewText {
  const kept = createKeptText(maxSnapshotLength);
  /** Counts the times the text started again. */
  let epoch = 0;

  function restartAt(offset: number): void {
    epoch += 1;
    kept.cutAt(offset);
  }

  /** Where readers begin: not within a character whose first half is gone. */
  function firstOffset(): number {
    const start = kept.start();
    return start > 0 && isSecondHalf(kept.slice(start, start + 1)) ? start + 1 : start;
  }

  /** How far readers come: the first half of a character waits for the other. */
  function lastOffset(limit: number): number {
    const end = Math.min(kept.end(), limit);
    return end > kept.start() && isFirstHalf(kept.slice(end - 1, end)) ? end - 1 : end;
  }

  return {
    length: kept.end,
    append: (offset, piece) => {
      if (offset !== kept.end()) restartAt(offset);
      kept.append(piece);
    },
    clear: () => {
      if (kept.end() > 0) restartAt(0);
    },
    read: (from = null) => {
      const isKept =
        from !== null && from.epoch === epoch && from.length >= kept.start() && from.length <= kept.end();
      let readEpoch = isKept ? epoch : -1;
      let sent = isKept ? from.length : 0;
      return {
        place: () => ({ epoch: readEpoch, length: sent }),
        next: () => {
          const isFirst = readEpoch === -1 && lastOffset(kept.end()) === 0;
          const isContinued = readEpoch === epoch && sent >= kept.start();
          const offset = isContinued ? sent : firstOffset();
          const end = lastOffset(offset + maxPartLength);
          if (readEpoch === epoch && end <= sent) return null;
          readEpoch = epoch;
          sent = Math.max(offset, end);
          if (isFirst) return null;
          const text = kept.slice(offset, end);
          if (isContinued) return { kind: "chunk", offset, text };
          return { kind: "snapshot", offset, text, isTruncated: offset > 0 };
        },
      };
    },
  };
}

function isFirstHalf(unit: string): boolean {
  return unit >= "\ud800" && unit <= "\udbff";
}

function isSecondHalf(unit: string): boolean {
  return unit >= "\udc00" && unit <= "\udfff";
}
