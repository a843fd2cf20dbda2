import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";
import { MeshError } from "../protocol/errors.ts";
import type { MeshId } from "../protocol/ids.ts";

/**
 * Meshes that one data directory keeps identities of, at most. A coordinator that names another mesh with every answer must
 * not fill the disk with folders.
 */
export const maxKnownMeshes = 100;

/** @throws MeshError DATA_DIR_UNUSABLE when this mesh would be one too many */
export async function assertRoomForMesh(dataDir: string, meshId: MeshId): Promise<void> {
  const folder = join(dataDir, "nodes");
  const known: readonly string[] = await readdir(folder).catch((error: unknown): readonly string[] => {
    if (errorCodeOf(error) === "ENOENT") return [];
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use ${folder}`, { cause: error });
  });
  if (known.includes(meshId) || known.length < maxKnownMeshes) return;
  throw new MeshError("DATA_DIR_UNUSABLE", `${folder} holds the identities of ${known.length} meshes`, {
    hint: "Remove the folders of meshes that are no more; if they are new, look at who answers at the coordinator's address.",
  });
}
