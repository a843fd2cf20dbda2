import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";
import { MeshError } from "../protocol/errors.ts";

export const configFileName = "claw-mesh.yaml";

/** Bytes of a configuration file. */
const maxFileBytes = 4 * 1024 * 1024;

/** A file in one of the usual places that was left alone, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

export interface FoundFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Reads the configuration file named by `--config`.
 * @throws MeshError CONFIG_INVALID when it cannot be read or is not text
 */
export async function readNamedFile(path: string): Promise<FoundFile> {
  const result = await readConfigText(path);
  if (typeof result === "string") return { path, text: result };
  if (result === null) throw new MeshError("CONFIG_INVALID", `${path} does not exist`, { hint: initHint });
  throw new MeshError("CONFIG_INVALID", `${path} is not a configuration: ${result.reason}`, {
    hint: initHint,
  });
}

/** Reads the first configuration file in these folders; what is there but not a configuration is told. */
export async function findFile(
  folders: readonly string[],
): Promise<{ readonly file: FoundFile | null; readonly skipped: readonly SkippedFile[] }> {
  const skipped: SkippedFile[] = [];
  for (const folder of folders) {
    const path = join(folder, configFileName);
    const result = await readConfigText(path);
    if (typeof result === "string") return { file: { path, text: result }, skipped };
    if (result !== null) skipped.push({ path, reason: result.reason });
  }
  return { file: null, skipped };
}

const initHint = "Name a YAML file with --config, or write one with: claw-mesh init";

/** What is looked at to tell text from programs and data. */
const headBytes = 8192;

async function readConfigText(path: string): Promise<string | { readonly reason: string } | null> {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) return { reason: "it is a directory" };
    const file = await open(path, "r");
    try {
      const head = new Uint8Array(headBytes);
      const { bytesRead } = await file.read(head, 0, headBytes, 0);
      const binary = binaryKind(head.subarray(0, bytesRead));
      if (binary !== null) return { reason: binary };
      if (facts.size > maxFileBytes) return { reason: `it is larger than ${maxFileBytes} bytes` };
      return new TextDecoder().decode(await readFile(path));
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
