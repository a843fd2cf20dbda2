import { dirname } from "node:path";
import { findForeignOwner, readPrivateText } from "../platform/private-files.ts";
import { MeshError } from "../protocol/errors.ts";

/**
 * The text of a record below `runtimes/<kind>` of the data directory; null when there is none. What is there decides which program
 * is started and which process is ended: of another user's, or in another user's folder, nothing is believed, and a pipe holds
 * nobody up.
 * @throws MeshError FILE_UNSAFE, or the system's error with its `code`
 */
export async function readOwnRecord(path: string): Promise<string | null> {
  const folder = dirname(path);
  for (const place of [dirname(folder), folder, path]) {
    const foreign = await findForeignOwner(place);
    if (foreign !== null) throw new MeshError("FILE_UNSAFE", `${place} is not believed: ${foreign}`);
  }
  return await readPrivateText(path);
}
