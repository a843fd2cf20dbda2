import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { maxSnapshotLength } from "../../protocol/task.ts";
import { createPreviewText, maxPartLength, type PreviewPart, type PreviewReader } from "./preview-text.ts";

/** What a client shows that does as it is told. */
function createScreen(reader: PreviewReader) {
  let text = "";
  let start = 0;
  return {
    /** Reads until there is nothing more; returns the parts. */
    catchUp: () => {
      const parts: PreviewPart[] = [];
      for (let part = reader.next(); part !== null; part = reader.next()) {
        parts.push(part);
        if (part.kind === "snapshot") {
          text = part.text;
          start = part.offset;
        } else {
          expect(part.offset).toBe(start + text.length);
          text += part.text;
        }
      }
      return parts;
    },
    text: () => text,
    start: () => start,
  };
}

describe("the preview of an answer", () => {
  test("gives chunks to a reader who keeps up", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    expect(reader.next()).toBeNull();
    preview.append(0, "a");
    expect(reader.next()).toEqual({ kind: "chunk", offset: 0, text: "a" });
    preview.append(1, "b");
    preview.append(2, "c");
    expect(reader.next()).toEqual({ kind: "chunk", offset: 1, text: "bc" });
    expect(reader.next()).toBeNull();
  });

  test("gives a snapshot to a reader who comes late", () => {
    const preview = createPreviewText();
    preview.append(0, "so far");
    expect(preview.read().next()).toEqual({
      kind: "snapshot",
      offset: 0,
      text: "so far",
      isTruncated: false,
    });
  });

  test("starts every reader again when the text does", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    preview.append(0, "wrong words");
    reader.next();
    preview.append(6, "right");
    expect(reader.next()).toEqual({ kind: "snapshot", offset: 0, text: "wrong right", isTruncated: false });
    preview.clear();
    expect(reader.next()).toEqual({ kind: "snapshot", offset: 0, text: "", isTruncated: false });
    preview.append(0, "new");
    expect(reader.next()).toEqual({ kind: "chunk", offset: 0, text: "new" });
  });

  test("says nothing when what was empty is cleared", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    expect(reader.next()).toBeNull();
    preview.clear();
    expect(reader.next()).toBeNull();
  });

  test("keeps the end of a long text and says that its beginning is missing", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    const screen = createScreen(reader);
    preview.append(0, "x".repeat(maxSnapshotLength));
    screen.catchUp();
    preview.append(maxSnapshotLength, "tail");
    expect(reader.next()).toEqual({ kind: "chunk", offset: maxSnapshotLength, text: "tail" });
    expect(preview.length()).toBe(maxSnapshotLength + 4);
    const late = createScreen(preview.read());
    expect(late.catchUp()[0]).toMatchObject({ kind: "snapshot", offset: 4, isTruncated: true });
    expect(late.text().length).toBe(maxSnapshotLength);
  });

  test("gives a snapshot to a reader for whom too much went by", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    preview.append(0, "begin");
    reader.next();
    preview.append(5, "x".repeat(maxSnapshotLength + 1));
    expect(reader.next()).toMatchObject({ kind: "snapshot", offset: 6, isTruncated: true });
  });

  test("goes on where a former reader stopped", () => {
    const preview = createPreviewText();
    const former = preview.read();
    preview.append(0, "so far");
    former.next();
    const place = former.place();
    expect(place.length).toBe(6);
    preview.append(6, ", and on");
    expect(preview.read(place).next()).toEqual({ kind: "chunk", offset: 6, text: ", and on" });
    expect(preview.read({ ...place, length: preview.length() }).next()).toBeNull();
  });

  test("begins with a snapshot for a former reader of what is not the text any more", () => {
    const preview = createPreviewText();
    const former = preview.read();
    preview.append(0, "wrong words");
    former.next();
    const place = former.place();
    expect(preview.read({ ...place, length: 12 }).next()).toMatchObject({ kind: "snapshot" });
    preview.append(0, "right words");
    expect(preview.read(place).next()).toMatchObject({ kind: "snapshot", text: "right words" });
    preview.append(11, "x".repeat(maxSnapshotLength));
    expect(preview.read({ ...place, epoch: place.epoch + 1 }).next()).toMatchObject({ kind: "chunk" });
    preview.append(preview.length(), "y");
    expect(preview.read({ ...place, epoch: place.epoch + 1 }).next()).toMatchObject({
      kind: "snapshot",
      offset: 12,
    });
  });

  test("costs little also when the text is much longer than what is kept, and comes in small pieces", () => {
    const preview = createPreviewText();
    const reader = preview.read();
    const piece = "x".repeat(40);
    // Were the text copied for every piece, this would take far longer than a test may.
    for (let offset = 0; offset < 4 * maxSnapshotLength; offset += piece.length) {
      preview.append(offset, piece);
      expect(reader.next()?.text).toBe(piece);
    }
  });

  test("tears no character apart, wherever the pieces and the parts end", () => {
    const whole = "\u{1f600}".repeat(maxPartLength);
    const lengths = fc.array(fc.integer({ min: 1, max: maxPartLength + 1 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lengths, (pieces) => {
        const preview = createPreviewText();
        const reader = preview.read();
        let shown = "";
        let offset = 0;
        for (const length of pieces) {
          preview.append(offset, whole.slice(offset, offset + length));
          offset = preview.length();
          for (let part = reader.next(); part !== null; part = reader.next()) {
            expect(part.text.isWellFormed()).toBeTrue();
            shown += part.text;
          }
        }
        expect(shown).toBe(whole.slice(0, offset - (offset % 2)));
      }),
    );
  });

  test("begins with a whole character when the beginning is missing", () => {
    const preview = createPreviewText();
    preview.append(0, "\u{1f600}".repeat(maxSnapshotLength / 2));
    preview.append(maxSnapshotLength, "x");
    const part = preview.read().next();
    expect(part).toMatchObject({ kind: "snapshot", offset: 2, isTruncated: true });
    expect(part?.text.isWellFormed()).toBeTrue();
  });

  type Step = { readonly back: number; readonly text: string } | "clear" | "read" | "join";
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ back: fc.constant(0), text: fc.string({ maxLength: 8 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ back: fc.integer({ min: -5, max: 30 }), text: fc.string({ maxLength: 8 }) }),
    },
    // Pieces that together push the beginning out.
    {
      weight: 1,
      arbitrary: fc.record({
        back: fc.integer({ min: 0, max: maxSnapshotLength }),
        text: fc.constantFrom("a", "b").map((letter) => letter.repeat(maxSnapshotLength / 2 + 1)),
      }),
    },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
    { weight: 3, arbitrary: fc.constant("read" as const) },
    { weight: 1, arbitrary: fc.constant("join" as const) },
  );

  test("whatever arrives, every reader ends with the current text, and no part is longer than the limit", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const preview = createPreviewText();
        const screens = [createScreen(preview.read())];
        /** The text as it should be: what is known of it, from which offset on. */
        let text = "";
        let start = 0;
        for (const one of steps) {
          if (one === "read") {
            const parts = screens.flatMap((screen) => screen.catchUp());
            for (const part of parts) expect(part.text.length).toBeLessThanOrEqual(maxPartLength);
          } else if (one === "join") {
            screens.push(createScreen(preview.read()));
          } else if (one === "clear") {
            preview.clear();
            text = "";
            start = 0;
          } else {
            const offset = Math.max(0, start + text.length - one.back);
            preview.append(offset, one.text);
            const isKept = offset >= start && offset <= start + text.length;
            text = (isKept ? text.slice(0, offset - start) : "") + one.text;
            if (!isKept) start = offset;
            const excess = Math.max(0, text.length - maxSnapshotLength);
            text = text.slice(excess);
            start += excess;
          }
          expect(preview.length()).toBe(start + text.length);
        }
        for (const screen of screens) {
          screen.catchUp();
          // A screen that kept up shows more of the beginning than is kept.
          expect(screen.text().endsWith(text)).toBe(true);
          expect(screen.start() + screen.text().length).toBe(start + text.length);
          expect(screen.text().length - text.length).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
