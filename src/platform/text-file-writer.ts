import { randomBytes } from "node:crypto";
import { lstat, open, rename, rm, stat } from "node:fs/promises";
import { MeshError } from "../protocol/errors.ts";
import { errorCodeOf } from "./atomic-file.ts";

/** A file written piece by piece that appears under its name when all of it is there. */
export interface TextFileWriter {
  readonly write: (text: string) => Promise<void>;
  /** Puts the file in its place, over an older one. */
  readonly commit: () => Promise<void>;
  /** Leaves nothing behind. Does nothing after a commit. */
  readonly abandon: () => Promise<void>;
}

/**
 * Only this user may read the file. A symbolic link is replaced and not followed. A pipe or a device is written as it is,
 * but not by way of a link, unless the link is one of the system's own, such as /dev/stdout.
 * @throws the file system's error, with its `code`; MeshError FILE_UNSAFE
 */
export async function createTextFileWriter(path: string): Promise<TextFileWriter> {
  const isDraft = await mayBeReplaced(path);
  const draft = isDraft ? `${path}.${randomBytes(6).toString("hex")}.tmp` : path;
  const file = await open(draft, isDraft ? "wx" : "w", 0o600);
  let isOpen = true;
  let isInPlace = !isDraft;
  const close = async () => {
    if (isOpen) await file.close();
    isOpen = false;
  };
  return {
    write: async (text) => {
      await file.writeFile(text, "utf8");
    },
    commit: async () => {
      if (isDraft) await file.sync();
      await close();
      if (isDraft) await rename(draft, path);
      isInPlace = true;
    },
    abandon: async () => {
      await close();
      if (!isInPlace) await rm(draft, { force: true });
    },
  };
}

async function mayBeReplaced(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isFile()) return true;
    if ((await lstat(path)).isSymbolicLink() && !path.startsWith("/dev/"))
      throw new MeshError("FILE_UNSAFE", `${path} is a symbolic link to something that is no ordinary file`, {
        hint: "Name the file itself.",
      });
    return false;
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return true;
    throw error;
  }
}
