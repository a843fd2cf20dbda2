/** How far the reader of a streamed answer has come; it stands in the id of every event that carries text. */
export interface StreamPosition {
  readonly attempt: number;
  /** How often the text had started again. */
  readonly epoch: number;
  /** UTF-16 code units of the attempt's text. */
  readonly length: number;
}

export interface StreamPositions {
  /** As the id of an event. */
  readonly print: (position: StreamPosition) => string;
  /** Of a `Last-Event-ID`; null: it says nothing that this process can go on from. */
  readonly parse: (id: string | null) => StreamPosition | null;
}

/** @param mark tells the ids of this process from those of another, whose text and counts are gone with it */
export function createStreamPositions(mark: string): StreamPositions {
  return {
    print: ({ attempt, epoch, length }) => `${mark}:${attempt}:${epoch}:${length}`,
    parse: (id) => {
      const [given, ...numbers] = (id ?? "").split(":");
      if (given !== mark || numbers.length !== 3 || !numbers.every((part) => /^\d{1,9}$/.test(part)))
        return null;
      const [attempt = 0, epoch = 0, length = 0] = numbers.map(Number);
      return { attempt, epoch, length };
    },
  };
}
