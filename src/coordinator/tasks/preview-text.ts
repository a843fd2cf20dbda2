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

/** How far one reader has come. */
export interface PreviewReader {
  /** The next part, or null when the reader has all there is. A slow reader gets what it missed in one part. */
  readonly next: () => PreviewPart | null;
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
  readonly read: () => PreviewReader;
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
    read: () => {
      let readEpoch = -1;
      let sent = 0;
      return {
        next: () => {
          const end = start + text.length;
          if (readEpoch === epoch && sent === end) return null;
          const isContinued = readEpoch === epoch && sent >= start;
          const offset = isContinued ? sent : start;
          const isFirst = readEpoch === -1 && end === 0;
          readEpoch = epoch;
          sent = end;
          if (isFirst) return null;
          if (isContinued) return { kind: "chunk", offset, text: text.slice(offset - start) };
          return { kind: "snapshot", offset: start, text, isTruncated: start > 0 };
        },
      };
    },
  };
}
