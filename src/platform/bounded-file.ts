import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { errorCodeOf } from "./atomic-file.ts";

interface BoundedReadOptions {
  readonly maxBytes: number;
  /** false: a symbolic link at the end of the path is `not-a-file`. */
  readonly followsLinks: boolean;
  /** true: of a longer file its beginning is read; default false: it is `too-large`. */
  readonly startOnly?: boolean;
}

export type BoundedRead =
  | { readonly text: string; readonly stats: Stats }
  | { readonly problem: "absent" | "not-a-file" | "too-large" | "not-text" | "unreadable" };

/** 0 on systems without them. */
const noFollow = constants.O_NOFOLLOW ?? 0;
const nonBlocking = constants.O_NONBLOCK ?? 0;

/**
 * The text of a file that anybody may have put there: a pipe does not hold this program up, a device is not read, and
 * no more than `maxBytes` comes into memory. Never rejects.
 */
export async function readBoundedText(path: string, options: BoundedReadOptions): Promise<BoundedRead> {
  const { maxBytes, followsLinks, startOnly = false } = options;
  try {
    await using file = await open(path, constants.O_RDONLY | nonBlocking | (followsLinks ? 0 : noFollow));
    const stats = await file.stat();
    if (!stats.isFile()) return { problem: "not-a-file" };
    if (stats.size > maxBytes && !startOnly) return { problem: "too-large" };
    const buffer = new Uint8Array(Math.min(stats.size, maxBytes));
    let filled = 0;
    while (filled < buffer.byteLength) {
      const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    const isCut = stats.size > maxBytes;
    const text = new TextDecoder("utf-8", { fatal: !isCut, ignoreBOM: true }).decode(
      buffer.subarray(0, filled),
    );
    return text.includes("\0") ? { problem: "not-text" } : { text, stats };
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { problem: "absent" };
    if (code === "ELOOP" || code === "EMLINK" || code === "ENXIO" || code === "EISDIR")
      return { problem: "not-a-file" };
    if (error instanceof TypeError) return { problem: "not-text" };
    return { problem: "unreadable" };
  }
}
