import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Secret } from "../../protocol/secret.ts";
import { writeFileAtomic } from "../atomic-file.ts";
import { privateFileMode, readPrivateText } from "../private-files.ts";
import type { FileOwner, OwnedFolder } from "./owned-folder.ts";
import { type ServiceId, type ServiceScope, serviceName } from "./service-id.ts";

/** Read by the service manager as root, so nobody else may write there. */
const systemEnvironmentFolder = "/etc/claw-mesh";

export interface ServicePaths {
  readonly dataDir: string;
  readonly folder: string;
  /** The token or invite that the service starts with. */
  readonly grantFile: string;
  /** Variables of the service, written by hand. */
  readonly environment: string;
  readonly log: string;
  /** Which unit was put into effect last: its digest. */
  readonly applied: string;
}

/** Files of a service beside its unit: all but the variables of a service of the system in one folder of the data directory. */
export function servicePaths(dataDir: string, id: ServiceId, scope: ServiceScope): ServicePaths {
  const folder = join(dataDir, "services");
  const name = serviceName(id);
  return {
    dataDir,
    folder,
    grantFile: join(folder, `${name}.token`),
    environment: join(scope === "system" ? systemEnvironmentFolder : folder, `${name}.env`),
    log: join(folder, `${name}.log`),
    applied: join(folder, `${name}.applied`),
  };
}

/**
 * Writes what the service shows the coordinator, for its user alone; false when it was there already.
 * @throws MeshError FILE_UNSAFE when there is something else than an ordinary file
 */
export async function saveCredential(
  folder: OwnedFolder,
  id: ServiceId,
  { secret, owner }: { readonly secret: Secret; readonly owner: FileOwner },
): Promise<boolean> {
  return saveServiceText(folder.file(`${serviceName(id)}.token`), `${secret.reveal()}\n`, owner);
}

/** Tells units apart, as a line. */
export function digestUnit(unit: string): string {
  return `${createHash("sha256").update(unit).digest("hex")}\n`;
}

/** The folder's file with that text, for its user alone; false when it was there already. */
export async function saveServiceText(path: string, text: string, owner: FileOwner): Promise<boolean> {
  if ((await readPrivateText(path)) === text) return false;
  await writeFileAtomic(path, text, {
    mode: privateFileMode,
    overwrite: true,
    ...(owner === null ? {} : { owner }),
  });
  return true;
}
