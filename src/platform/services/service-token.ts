import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Secret } from "../../protocol/secret.ts";
import { readTextIfExists, writeFileAtomic } from "../atomic-file.ts";
import { privateDirMode, privateFileMode } from "../private-files.ts";
import { type ServiceId, serviceName } from "./service-id.ts";

export interface ServicePaths {
  readonly dataDir: string;
  readonly folder: string;
  /** The token or invite that the service starts with. */
  readonly grantFile: string;
  /** Variables of the service, written by hand. */
  readonly environment: string;
  readonly log: string;
}

/** Who owns them, where root installs for somebody else; null: whoever calls. */
export type FileOwner = { readonly uid: number; readonly gid: number } | null;

/** Files of a service beside its unit, all in one folder of the data directory. */
export function servicePaths(dataDir: string, id: ServiceId): ServicePaths {
  const folder = join(dataDir, "services");
  const name = serviceName(id);
  return {
    dataDir,
    folder,
    grantFile: join(folder, `${name}.token`),
    environment: join(folder, `${name}.env`),
    log: join(folder, `${name}.log`),
  };
}

/** Makes the folders that the unit names, closed to others; what is there keeps its mode and owner. */
export async function prepareServiceFolders(
  { dataDir, folder }: ServicePaths,
  owner: FileOwner,
): Promise<void> {
  for (const path of [dataDir, folder]) {
    const first = await mkdir(path, { recursive: true, mode: privateDirMode });
    if (first !== undefined && owner !== null) await chown(path, owner.uid, owner.gid);
  }
}

/** Writes what the service shows the coordinator, for its user alone; false when it was there already. */
export async function saveCredential(path: string, secret: Secret, owner: FileOwner): Promise<boolean> {
  const text = `${secret.reveal()}\n`;
  if ((await readTextIfExists(path)) === text) return false;
  await writeFileAtomic(path, text, { mode: privateFileMode, overwrite: true });
  if (owner !== null) await chown(path, owner.uid, owner.gid);
  return true;
}
