import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errorCodeOf } from "../platform/atomic-file.ts";
import { findLockHolder } from "../platform/process-lock.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";
import { MeshId } from "../protocol/ids.ts";
import type { Secret } from "../protocol/secret.ts";
import { readNodeFile } from "./identity.ts";

/** A place in a mesh that this machine has, whether its agent runs or not. */
export interface NodePlace {
  readonly meshId: MeshId;
  readonly name: string;
  readonly nodeId: string;
  readonly coordinatorUrl: string;
  /** The node's own. */
  readonly token: Secret;
  /** Key that the coordinator had to have; null: any that the system trusts, or plain HTTP. */
  readonly pin: string | null;
  /** null: the system's authorities. */
  readonly trust: Trust | null;
  /** Epoch; 0: not known. */
  readonly joinedAtMs: number;
  /** `running` with the process that has it; null when it is not told. */
  readonly agent: { readonly isRunning: boolean; readonly pid: number | null };
}

/** Folders of one mesh that are looked at. */
const maxNames = 100;

/** All places in the data directory, the last joined first. A damaged one is told as its error. */
export async function findNodePlaces(
  dataDir: string,
): Promise<{ readonly places: readonly NodePlace[]; readonly problems: readonly MeshError[] }> {
  const places: NodePlace[] = [];
  const problems: MeshError[] = [];
  const nodes = join(dataDir, "nodes");
  for (const entry of await list(nodes)) {
    const meshId = MeshId.safeParse(entry);
    if (!meshId.success) continue;
    for (const name of (await list(join(nodes, entry))).slice(0, maxNames)) {
      try {
        const place = await readPlace(join(nodes, entry, name), meshId.data);
        if (place !== null) places.push(place);
      } catch (error) {
        problems.push(toProblem(join(nodes, entry, name), error));
      }
    }
  }
  return { places: places.sort((one, other) => other.joinedAtMs - one.joinedAtMs), problems };
}

async function readPlace(folder: string, meshId: MeshId): Promise<NodePlace | null> {
  const file = await readNodeFile(join(folder, "node.json"));
  if (file === null) return null;
  const holder = findLockHolder(join(folder, "lock"));
  const { tls } = file;
  return {
    meshId,
    name: file.name,
    nodeId: file.node_id,
    coordinatorUrl: file.coordinator_url,
    token: file.token,
    pin: tls?.pin ?? null,
    trust: tls === undefined || tls.ca === null ? null : { ca: tls.ca, serverName: tls.server_name },
    joinedAtMs: file.joined_at_ms ?? 0,
    agent: { isRunning: holder !== null, pid: holder?.pid ?? null },
  };
}

/** @throws a fault of this program as it is */
function toProblem(folder: string, error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const code = errorCodeOf(error);
  if (code === null) throw error;
  return new MeshError("FILE_UNSAFE", `${folder} cannot be read by this user (${code})`, { cause: error });
}

async function list(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // Not there, or not for this user: the check of the files says which.
    if (errorCodeOf(error) === null) throw error;
    return [];
  }
}
