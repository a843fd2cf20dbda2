/** What a program wrote last on standard error. */
export interface LastLines {
  /** Oldest first; blank ones are left out. */
  readonly lines: () => readonly string[];
  /** Settles when the stream has ended. Never rejects. */
  readonly done: Promise<void>;
  /** Stops reading. */
  readonly cancel: () => Promise<void>;
}

/** Lines that are kept. */
const maxLines = 20;
/** Characters of a line that are kept, its last ones. */
const maxLineLength = 2_000;

/** Reads to the end, so that the program never waits for a reader, and keeps the last lines only. */
export function keepLastLines(stream: ReadableStream<Uint8Array>): LastLines {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let kept: string[] = [];
  let open = "";
  const add = (text: string) => {
    const pieces = (open + text).split(/\r?\n|\r/);
    open = (pieces.pop() ?? "").slice(-maxLineLength);
    const full = pieces.filter((line) => line.trim() !== "").map((line) => line.slice(-maxLineLength));
    kept = [...kept, ...full.slice(-maxLines)].slice(-maxLines);
  };
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      add(decoder.decode(value, { stream: true }));
    }
    add(decoder.decode());
  };
  return {
    lines: () => (open.trim() === "" ? kept : [...kept, open].slice(-maxLines)),
    // What could be read before the stream broke is all there is to tell.
    done: read().catch(() => undefined),
    cancel: async () => {
      await Promise.allSettled([reader.cancel()]);
    },
  };
}
