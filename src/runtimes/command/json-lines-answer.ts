import { z } from "zod";
import { RuntimeErrorKind } from "../../protocol/failure.ts";
import { parseJsonText } from "../../protocol/json-text.ts";
import { maxAnswerBytes } from "../../protocol/task.ts";
import type { AnswerReader, AnswerReaderOptions, AnswerText } from "./answer-reader.ts";

/** Bytes of a line; a longer one could only hold an answer that is too long. JSON escapes double a text at most twice. */
const maxLineBytes = 4 * maxAnswerBytes;

/** Bytes of standard output in all, lines that say nothing included. */
const maxOutputBytes = 8 * maxAnswerBytes;

/** A line; what else an object holds is ignored, and so are objects of other types. docs/how-to/command.md */
const Line = z.object({
  type: z.string().optional(),
  text: z.string().optional().catch(undefined),
  /** As `text`, under the name that some agents give it. */
  result: z.string().optional().catch(undefined),
  is_error: z.boolean().optional().catch(undefined),
  message: z.string().optional().catch(undefined),
  kind: RuntimeErrorKind.optional().catch(undefined),
});
type Line = z.infer<typeof Line>;

/** Standard output is one JSON object a line: pieces of the answer, the whole of it, or an error. */
export function createJsonLinesAnswer({ onChunk, onTooLarge }: AnswerReaderOptions): AnswerReader {
  const decoder = new TextDecoder();
  let text = "";
  let textBytes = 0;
  let outputBytes = 0;
  let open: string[] = [];
  let openLength = 0;
  let error: Extract<AnswerText, { kind: "error" }> | null = null;
  let foreignLines = 0;
  let isOver = false;

  const giveUp = () => {
    isOver = true;
    open = [];
    onTooLarge();
  };
  const append = (piece: string) => {
    textBytes += Buffer.byteLength(piece);
    if (textBytes > maxAnswerBytes) return giveUp();
    if (piece === "") return;
    onChunk({ offset: text.length, text: piece });
    text += piece;
  };
  const replace = (whole: string) => {
    if (whole.startsWith(text)) return append(whole.slice(text.length));
    textBytes = Buffer.byteLength(whole);
    if (textBytes > maxAnswerBytes) return giveUp();
    onChunk({ offset: 0, text: whole });
    text = whole;
  };
  const take = (raw: string) => {
    if (isOver || raw.trim() === "") return;
    const line = parseLine(raw);
    if (line === null) foreignLines += 1;
    else if (line.type === "error" || (line.type === "result" && line.is_error === true)) {
      const message = line.message ?? line.text ?? line.result ?? "without saying why";
      error = { kind: "error", errorKind: line.kind ?? "internal", message };
    } else if (line.type === "result") {
      const whole = line.text ?? line.result;
      if (whole !== undefined) replace(whole);
    } else if ((line.type === undefined || line.type === "chunk") && line.text !== undefined) {
      append(line.text);
    }
  };
  const add = (piece: string) => {
    const lines = piece.split("\n");
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      take(open.join("") + line);
      open = [];
      openLength = 0;
    }
    open.push(rest);
    openLength += rest.length;
    if (openLength > maxLineBytes && !isOver) giveUp();
  };
  return {
    push: (piece) => {
      if (isOver) return;
      outputBytes += piece.byteLength;
      if (outputBytes > maxOutputBytes) return giveUp();
      add(decoder.decode(piece, { stream: true }));
    },
    end: () => {
      if (!isOver) add(`${decoder.decode()}\n`);
    },
    result: () => {
      if (error !== null) return error;
      if (text.trim() !== "") return { kind: "text", text };
      const lines = foreignLines === 1 ? "1 line was" : `${foreignLines} lines were`;
      return { kind: "none", detail: foreignLines === 0 ? "" : `: ${lines} no JSON object` };
    },
  };
}

function parseLine(raw: string): Line | null {
  try {
    return Line.parse(parseJsonText(raw));
  } catch {
    // Programs print banners and warnings among their lines; what they are does not matter.
    return null;
  }
}
