import { open, rename, rm, stat, truncate } from "node:fs/promises";
import { errorCodeOf } from "../../platform/atomic-file.ts";
import { readFileTail } from "../../platform/file-tail.ts";
import { privateFileMode } from "../../platform/private-files.ts";
import { redactText } from "../../protocol/redact-text.ts";

/** Size from which on a log is put aside. */
export const maxLogBytes = 10 * 1024 * 1024;

/** Logs that were put aside, beside the one that is written: `gateway.log.1` is the youngest. */
export const keptLogs = 3;

const copyPieceBytes = 1024 * 1024;

/** Bytes from the end of a log that are looked at for its last lines. */
const maxTailBytes = 256 * 1024;

/**
 * Puts the log aside when it is big, by copying its last {@link maxLogBytes} and emptying it: the gateway holds the file open
 * and goes on at its new end. What it writes between the two is lost, and so is the beginning of a longer one. When there is no room for the copy, the text goes and the log stays small.
 * Never rejects: a log is no reason for anything to end.
 */
export async function rotateLog(path: string, maxBytes = maxLogBytes): Promise<void> {
  try {
    if ((await stat(path)).size <= maxBytes) return;
    await keepCopy(path, maxBytes);
    await truncate(path);
  } catch (error) {
    // It is not there, or cannot be changed; the next round looks again.
    if (errorCodeOf(error) === null) throw error;
  }
}

async function keepCopy(path: string, maxBytes: number): Promise<void> {
  try {
    await rm(`${path}.${keptLogs}`, { force: true });
    for (let age = keptLogs - 1; age >= 1; age--)
      await renameIfExists(`${path}.${age}`, `${path}.${age + 1}`);
    await copyEnd(path, `${path}.1`, maxBytes);
  } catch (error) {
    if (errorCodeOf(error) === null) throw error;
    // A part of a copy takes the room that is missing.
    await rm(`${path}.1`, { force: true }).catch(() => undefined);
  }
}

async function copyEnd(from: string, to: string, maxBytes: number): Promise<void> {
  await using source = await open(from, "r");
  await using target = await open(to, "wx", privateFileMode);
  const { size } = await source.stat();
  const buffer = Buffer.alloc(Math.min(maxBytes, copyPieceBytes));
  for (let at = Math.max(0, size - maxBytes); at < size; ) {
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) break;
    await target.writeFile(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

async function renameIfExists(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT") throw error;
  }
}

/**
 * The last lines of a log, without what looks like a secret; none when there is no log.
 * @throws the file system's error, with its `code`
 */
export async function readLogTail(path: string, lines: number): Promise<readonly string[]> {
  try {
    const text = redactText(await readFileTail(path, maxTailBytes));
    return text.replace(/\n$/, "").split("\n").slice(-lines);
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return [];
    throw error;
  }
}
