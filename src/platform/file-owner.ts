import { stat } from "node:fs/promises";
import { errorCodeOf } from "./atomic-file.ts";

/**
 * Whom a file belongs to, as far as this user could give another one to the same: only root can. null: nobody, or there is no
 * such file.
 * @throws the file system's error, with its `code`
 */
export async function findOwner(
  path: string,
): Promise<{ readonly uid: number; readonly gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  try {
    const { uid, gid } = await stat(path);
    return { uid, gid };
  } catch (error) {
    if (errorCodeOf(error) !== "ENOENT") throw error;
    return null;
  }
}
