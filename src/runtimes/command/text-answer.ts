import { maxAnswerBytes } from "../../protocol/task.ts";
import type { AnswerReader, AnswerReaderOptions } from "./answer-reader.ts";

/** Standard output is the answer, without the line ends that it ends with. Bytes that are no UTF-8 become U+FFFD. */
export function createTextAnswer({ onChunk, onTooLarge }: AnswerReaderOptions): AnswerReader {
  const decoder = new TextDecoder();
  let text = "";
  /** Line ends that belong to the answer only when something follows them; joined once, then. */
  let held: string[] = [];
  let bytes = 0;
  let isOver = false;
  const add = (piece: string) => {
    const bodyLength = lengthWithoutLineEnds(piece);
    if (bodyLength > 0) {
      const body = held.join("") + piece.slice(0, bodyLength);
      held = [];
      onChunk({ offset: text.length, text: body });
      text += body;
    }
    if (bodyLength < piece.length) held.push(piece.slice(bodyLength));
  };
  return {
    push: (piece) => {
      if (isOver) return;
      bytes += piece.byteLength;
      if (bytes <= maxAnswerBytes) return add(decoder.decode(piece, { stream: true }));
      isOver = true;
      onTooLarge();
    },
    end: () => {
      if (!isOver) add(decoder.decode());
    },
    result: () => (text.trim() === "" ? { kind: "none", detail: "" } : { kind: "text", text }),
  };
}

/** Looks from the end, once: an expression that ends with `$` begins anew at each line end, which takes quadratic time. */
function lengthWithoutLineEnds(piece: string): number {
  let length = piece.length;
  while (length > 0 && (piece[length - 1] === "\n" || piece[length - 1] === "\r")) length -= 1;
  return length;
}
