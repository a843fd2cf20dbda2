import { maxAnswerBytes } from "../../protocol/task.ts";
import type { AnswerReader, AnswerReaderOptions } from "./answer-reader.ts";

/** Standard output is the answer, without the line ends that it ends with. Bytes that are no UTF-8 become U+FFFD. */
export function createTextAnswer({ onChunk, onTooLarge }: AnswerReaderOptions): AnswerReader {
  const decoder = new TextDecoder();
  let text = "";
  /** Line ends that belong to the answer only when something follows them. */
  let held = "";
  let bytes = 0;
  let isOver = false;
  const add = (piece: string) => {
    const all = held + piece;
    const body = all.replace(/[\r\n]+$/, "");
    held = all.slice(body.length);
    if (body === "") return;
    onChunk({ offset: text.length, text: body });
    text += body;
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
