import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCodeOf } from "./atomic-file.ts";

/** Bytes that this user can still write at a path, which need not exist yet; null where the system does not tell. */
export async function freeDiskBytes(path: string): Promise<number | null> {
  for (let place = path; ; place = dirname(place)) {
    try {
      const { bavail, bsize } = await statfs(place);
      return bavail * bsize;
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === null) throw error;
      if (code !== "ENOENT" || place === dirname(place)) return null;
    }
  }
}
