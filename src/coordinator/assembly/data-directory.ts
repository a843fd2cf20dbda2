import { systemClock } from "../../platform/clock.ts";
import { coordinatorLockPath, removeCoordinatorFile } from "../../platform/coordinator-file.ts";
import { systemIds } from "../../platform/ids.ts";
import { databasePath } from "../../platform/paths.ts";
import { preparePrivateDir } from "../../platform/private-files.ts";
import { acquireLock, type ProcessLock } from "../../platform/process-lock.ts";
import { MeshError } from "../../protocol/errors.ts";
import type { Secret } from "../../protocol/secret.ts";
import { createSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { Store } from "../../store/store.ts";
import { isUnguessable, loadAdminToken } from "../auth/admin-token.ts";
import type { CoordinatorOptions } from "../coordinator-options.ts";
import { createServerCertificate, type ServerCertificate } from "../tls/server-certificate.ts";

const guessableRemedy =
  "take one that is drawn at random, such as from claw-mesh init or openssl rand -hex 16";

/** What a coordinator finds, or makes, in its data directory. */
export interface DataDirectory {
  readonly token: Secret;
  /** null: plain HTTP. */
  readonly certificate: ServerCertificate | null;
  readonly store: Store;
}

/**
 * Takes the data directory for this process: its lock, the admin token, the certificate, the store with its migrations.
 * What has to be closed again, also when a later part fails, is put on `undo`.
 */
export async function openDataDirectory(
  { dataDir, token: givenToken, tokenFolderFile = null, tls, certificateClock, log }: CoordinatorOptions,
  undo: AsyncDisposableStack,
): Promise<DataDirectory> {
  await preparePrivateDir(dataDir, { log });
  const lock = holdLock(dataDir);
  undo.defer(() => lock.release());
  await removeCoordinatorFile(dataDir);
  const token = await loadAdminToken(dataDir, givenToken, tokenFolderFile);
  if (!isUnguessable(token)) log.warn("the admin token could be guessed", { remedy: guessableRemedy });
  const clock = certificateClock ?? systemClock;
  const certificate =
    tls === null ? null : await createServerCertificate({ settings: tls, dataDir, clock, log });
  const store = await createSqliteStore({
    file: databasePath(dataDir),
    clock: systemClock,
    ids: systemIds,
    log,
  });
  undo.defer(() => store.close());
  return { token, certificate, store };
}

function holdLock(dataDir: string): ProcessLock {
  const lock = acquireLock(coordinatorLockPath(dataDir));
  if ("release" in lock) return lock;
  const { pid } = lock.heldBy;
  const who = pid === null ? "Another coordinator" : `Another coordinator (pid ${pid})`;
  throw new MeshError("DATA_DIR_LOCKED", `${who} uses the data directory ${dataDir}.`);
}
