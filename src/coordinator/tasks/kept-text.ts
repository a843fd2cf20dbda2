/** Characters of one block: a piece that is added costs a copy of no more than that. */
const blockLength = 4 * 1024;

/** A text that grows at its end and of which only the newest part is kept. Offsets count from its very beginning. */
export interface KeptText {
  /** Offset of the first character that is kept. */
  readonly start: () => number;
  readonly end: () => number;
  readonly append: (text: string) => void;
  /** The text goes on at this offset: what stood behind it is gone, and everything when the offset is not within it. */
  readonly cutAt: (offset: number) => void;
  /** Both within `start` and `end`. */
  readonly slice: (from: number, to: number) => string;
}

/** Kept in blocks, since a long text would be copied as a whole whenever something is added to it and then read. */
export function createKeptText(maxLength: number): KeptText {
  /** All but the last are full. */
  let blocks: string[] = [];
  let blocksOffset = 0;
  let start = 0;
  let end = 0;

  function add(text: string): void {
    for (let at = 0; at < text.length; ) {
      const used = (end - blocksOffset) % blockLength;
      const piece = text.slice(at, at + blockLength - used);
      if (used === 0) blocks.push(piece);
      else blocks[blocks.length - 1] += piece;
      at += piece.length;
      end += piece.length;
    }
  }

  function forgetBeginning(): void {
    start = Math.max(start, end - maxLength);
    const unneeded = Math.floor((start - blocksOffset) / blockLength);
    if (unneeded === 0) return;
    blocks.splice(0, unneeded);
    blocksOffset += unneeded * blockLength;
  }

  return {
    start: () => start,
    end: () => end,
    append: (text) => {
      add(text);
      forgetBeginning();
    },
    cutAt: (offset) => {
      if (offset < start || offset > end) {
        blocks = [];
        blocksOffset = offset;
        start = offset;
      } else {
        const inBlocks = offset - blocksOffset;
        blocks.length = Math.ceil(inBlocks / blockLength);
        const last = blocks.pop();
        const isPart = inBlocks % blockLength > 0;
        if (last !== undefined) blocks.push(isPart ? last.slice(0, inBlocks % blockLength) : last);
      }
      end = offset;
    },
    slice: (from, to) => {
      let text = "";
      for (let at = from; at < to; ) {
        const inBlocks = at - blocksOffset;
        const index = Math.floor(inBlocks / blockLength);
        const blockOffset = blocksOffset + index * blockLength;
        const part = (blocks[index] ?? "").slice(at - blockOffset, to - blockOffset);
        if (part === "") return text;
        text += part;
        at += part.length;
      }
      return text;
    },
  };
}
