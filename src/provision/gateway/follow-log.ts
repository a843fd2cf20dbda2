import { open } from "node:fs/promises";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { redactText } from "../../protocol/redact-text.ts";
import { readLogTail } from "./gateway-log.ts";

/** Bytes that are read at once; a gateway that writes faster is caught up with at the next looks. */
const maxPieceBytes = 256 * 1024;

/** A line without an end is given out at this length. */
const maxLineLength = 64 * 1024;

export interface LogFollower {
  /** What has come since the last time: first the last lines there were, then whole lines, without what looks like a secret. */
  readonly next: () => Promise<readonly string[]>;
}

/** Reads on as a log grows; from its beginning again when it was emptied. One that is not there yet is waited for. */
export async function followLog(path: string, firstLines: number): Promise<LogFollower> {
  let position = await sizeOf(path);
  let tail: readonly string[] | null = await readLogTail(path, firstLines);
  const decoder = new TextDecoder();
  let rest = "";
  return {
    next: async () => {
      if (tail !== null) {
        const first = tail;
        tail = null;
        return first;
      }
      const size = await sizeOf(path);
      if (size < position) {
        position = 0;
        rest = "";
      }
      if (size === position) return [];
      const bytes = await readPiece(path, position, Math.min(size - position, maxPieceBytes));
      position += bytes.length;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      const last = lines.pop() ?? "";
      rest = last.length > maxLineLength ? "" : last;
      return [...lines, ...(rest === last ? [] : [last])].map((line) => redactText(line));
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    const file = await open(path, "r");
    try {
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return 0;
    throw error;
  }
}

async function readPiece(path: string, position: number, length: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
