import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";
import { findForeignHand, findForeignOwner } from "../platform/private-files.ts";
import { MeshError } from "../protocol/errors.ts";

export const configFileName = "claw-mesh.yaml";

/** Bytes of a configuration file. */
const maxFileBytes = 4 * 1024 * 1024;

/** A file in one of the usual places that was left alone, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
  /** It is a configuration, which somebody else could have written. */
  readonly isForeign: boolean;
}

export interface FoundFile {
  readonly path: string;
  readonly text: string;
  /** How somebody else than this user and root could have written it, in words; null: nobody could. */
  readonly foreignHand: string | null;
}

/**
 * Reads the configuration file named by `--config`: whoever names it trusts it, whoever has written it.
 * @throws MeshError CONFIG_INVALID when it cannot be read or is not text
 */
export async function readNamedFile(path: string): Promise<FoundFile> {
  const result = await readConfigText(path);
  if (result !== null && "text" in result) return { path, ...result };
  if (result === null) throw new MeshError("CONFIG_INVALID", `${path} does not exist`, { hint: initHint });
  throw new MeshError("CONFIG_INVALID", `${path} is not a configuration: ${result.reason}`, {
    hint: initHint,
  });
}

/**
 * Reads the first configuration file in these folders. What is there but not a configuration is told, and what somebody
 * else could have written: a folder may be everybody's, and with such a file the coordinator that is called and its token
 * would be, too.
 */
export async function findFile(
  folders: readonly string[],
): Promise<{ readonly file: FoundFile | null; readonly skipped: readonly SkippedFile[] }> {
  const skipped: SkippedFile[] = [];
  for (const folder of folders) {
    const path = join(folder, configFileName);
    const result = await readUsual(path);
    if (result === null) continue;
    if ("reason" in result) skipped.push({ path, isForeign: false, ...result });
    else if (result.foreignHand === null) return { file: { path, ...result }, skipped };
    else skipped.push({ path, reason: result.foreignHand, isForeign: true });
  }
  return { file: null, skipped };
}

/** What another user has put there so that it cannot be read does not keep this user's commands from working. */
async function readUsual(
  path: string,
): Promise<Omit<FoundFile, "path"> | { readonly reason: string; readonly isForeign?: true } | null> {
  try {
    return await readConfigText(path);
  } catch (error) {
    const reason = await findForeignOwner(path);
    if (reason === null) throw error;
    return { reason, isForeign: true };
  }
}

const initHint = "Name a YAML file with --config, or write one with: claw-mesh init";

/** What is looked at to tell text from programs and data. */
const headBytes = 8192;

/** A pipe that somebody put there does not hold this program up. */
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** What was opened is what is judged and read. */
async function readConfigText(
  path: string,
): Promise<Omit<FoundFile, "path"> | { readonly reason: string } | null> {
  try {
    const file = await open(path, openFlags);
    try {
      const facts = await file.stat();
      if (facts.isDirectory()) return { reason: "it is a directory" };
      if (!facts.isFile()) return { reason: "it is no ordinary file" };
      const head = new Uint8Array(headBytes);
      const { bytesRead } = await file.read(head, 0, headBytes, 0);
      const binary = binaryKind(head.subarray(0, bytesRead));
      if (binary !== null) return { reason: binary };
      if (facts.size > maxFileBytes) return { reason: `it is larger than ${maxFileBytes} bytes` };
      const bytes = new Uint8Array(facts.size);
      const { bytesRead: length } = await file.read(bytes, 0, facts.size, 0);
      const text = new TextDecoder().decode(bytes.subarray(0, length));
      return { text, foreignHand: await findForeignHand(path, facts) };
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    if (code === null) throw error;
    throw new MeshError("CONFIG_INVALID", `cannot read ${path} (${code})`, {
      hint: "Check who may read it, or name another file with --config.",
      cause: error,
    });
  }
}

/** What kind of program or data this is, or null for text. */
function binaryKind(bytes: Uint8Array): string | null {
  const magic = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (magic === "7f454c46") return "it is a program (ELF)";
  if (["feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe"].includes(magic))
    return "it is a program (Mach-O)";
  if (magic.startsWith("4d5a") && bytes.includes(0)) return "it is a program (Windows)";
  return bytes.includes(0) ? "it is binary data, not text" : null;
}
