import { maxSnapshotLength } from "../../protocol/task.ts";

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
  let text = "";
  /** Offset of the first character kept. */
  let start = 0;
  /** Counts the times the text started again. */
  let epoch = 0;

  function restartAt(offset: number): void {
    epoch += 1;
    if (offset >= start && offset <= start + text.length) {
      text = text.slice(0, offset - start);
    } else {
      text = "";
      start = offset;
    }
  }

  return {
    length: () => start + text.length,
    append: (offset, piece) => {
      if (offset !== start + text.length) restartAt(offset);
      text += piece;
      if (text.length > maxSnapshotLength) {
        const excess = text.length - maxSnapshotLength;
        text = text.slice(excess);
        start += excess;
      }
    },
    clear: () => {
      if (start + text.length > 0) restartAt(0);
    },
    read: (from = null) => {
      const isKept =
        from !== null && from.epoch === epoch && from.length >= start && from.length <= start + text.length;
      let readEpoch = isKept ? epoch : -1;
      let sent = isKept ? from.length : 0;
      return {
        place: () => ({ epoch: readEpoch, length: sent }),
        next: () => {
          const end = start + text.length;
          if (readEpoch === epoch && sent === end) return null;
          const isContinued = readEpoch === epoch && sent >= start;
          const offset = isContinued ? sent : start;
          const isFirst = readEpoch === -1 && end === 0;
          readEpoch = epoch;
          const part = text.slice(offset - start, offset - start + maxPartLength);
          sent = offset + part.length;
          if (isFirst) return null;
          if (isContinued) return { kind: "chunk", offset, text: part };
          return { kind: "snapshot", offset: start, text: part, isTruncated: start > 0 };
        },
      };
    },
  };
}
