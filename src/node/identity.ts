import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { errorCodeOf, writeFileAtomic } from "../platform/atomic-file.ts";
import { privateDirMode, privateFileMode, readPrivateText } from "../platform/private-files.ts";
import { acquireLock } from "../platform/process-lock.ts";
import { Name } from "../protocol/capability.ts";
import { MeshError } from "../protocol/errors.ts";
import { MeshId, NodeId } from "../protocol/ids.ts";
import { Secret } from "../protocol/secret.ts";
import { KeptTrust } from "./coordinator-trust.ts";
import { assertRoomForMesh } from "./known-meshes.ts";

/** What a node keeps of its place in a mesh: `node.json`, readable by this user only. */
export const NodeFile = z.object({
  node_id: NodeId,
  /** The node's own token; opens nothing but this node's routes. */
  token: z
    .string()
    .min(1)
    .transform((text) => new Secret(text)),
  coordinator_url: z.string(),
  name: Name,
  /** When it last linked after a start (epoch ms); files of before this field have none. */
  joined_at_ms: z.int().nonnegative().optional(),
  /** Whom this node takes for its coordinator; without it: whoever the system trusts, or what is named at each start. */
  tls: KeptTrust.optional(),
});
export type NodeFile = z.infer<typeof NodeFile>;

/** One name in one mesh, held by this process alone. */
export interface Identity {
  readonly meshId: MeshId;
  readonly journalFile: string;
  /** null before the first join. */
  readonly current: () => NodeFile | null;
  readonly save: (file: NodeFile) => Promise<void>;
  readonly release: () => void;
}

interface Place {
  readonly dataDir: string;
  readonly meshId: MeshId;
  readonly name: string;
}

/**
 * Takes the identity under its lock.
 * @throws MeshError NODE_LOCKED with the pid of the agent that has it, or DATA_DIR_UNUSABLE
 */
export async function openIdentity(place: Place): Promise<Identity> {
  const folder = folderOf(place);
  await assertRoomForMesh(place.dataDir, place.meshId);
  await makeFolder(folder);
  const lock = acquireLock(join(folder, "lock"));
  if ("heldBy" in lock) throw lockedError(place.name, lock.heldBy.pid);
  try {
    let current = await readNodeFile(join(folder, "node.json"));
    return {
      meshId: place.meshId,
      journalFile: join(folder, "journal.db"),
      current: () => current,
      save: async (file) => {
        current = file;
        await writeNodeFile(join(folder, "node.json"), file);
      },
      release: lock.release,
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A mesh in which this machine has joined before. */
export interface KnownMesh {
  readonly meshId: MeshId;
  readonly file: NodeFile;
}

/** Meshes in which this machine has joined as `name` through this coordinator, the last one first. */
export async function findKnownMeshes(
  dataDir: string,
  name: string,
  coordinatorUrl: string,
): Promise<readonly KnownMesh[]> {
  const found: KnownMesh[] = [];
  for (const entry of await listFolder(join(dataDir, "nodes"))) {
    const meshId = MeshId.safeParse(entry);
    if (!meshId.success) continue;
    const folder = folderOf({ dataDir, meshId: meshId.data, name });
    const file = await readNodeFile(join(folder, "node.json"));
    if (file?.coordinator_url === coordinatorUrl) found.push({ meshId: meshId.data, file });
  }
  return found.sort((one, other) => (other.file.joined_at_ms ?? 0) - (one.file.joined_at_ms ?? 0));
}

/** Names are one word whatever their case, also where file names are not. */
function folderOf({ dataDir, meshId, name }: Place): string {
  return join(dataDir, "nodes", meshId, name.toLowerCase());
}

/** @throws MeshError DATA_DIR_UNUSABLE when it is damaged, FILE_UNSAFE */
export async function readNodeFile(path: string): Promise<NodeFile | null> {
  const text = await readPrivateText(path);
  if (text === null) return null;
  const parsed = NodeFile.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new MeshError("DATA_DIR_UNUSABLE", `${path} is damaged`, {
    hint: "Move it away and join again with a new invite: claw-mesh invite",
  });
}

async function writeNodeFile(path: string, file: NodeFile): Promise<void> {
  try {
    await writeFileAtomic(path, `${JSON.stringify({ ...file, token: file.token.reveal() }, null, 2)}\n`, {
      mode: privateFileMode,
      overwrite: true,
    });
  } catch (error) {
    throw unusable(path, error);
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: privateDirMode });
  } catch (error) {
    throw unusable(folder, error);
  }
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCodeOf(error) === "ENOENT") return [];
    throw unusable(folder, error);
  }
}

function unusable(path: string, cause: unknown): MeshError {
  return new MeshError(
    "DATA_DIR_UNUSABLE",
    `cannot use ${path} (${errorCodeOf(cause) ?? "unknown reason"})`,
    {
      cause,
    },
  );
}

function lockedError(name: string, pid: number | null): MeshError {
  const who = pid === null ? "another node agent" : `the node agent with pid ${pid}`;
  return new MeshError("NODE_LOCKED", `${who} runs as "${name}" on this machine already`, {
    ...(pid === null ? {} : { details: { pid } }),
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
