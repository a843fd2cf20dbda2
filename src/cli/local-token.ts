import { isIP } from "node:net";
import { findLocalCoordinator } from "../platform/coordinator-file.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { tokenPath } from "../platform/paths.ts";
import { readPrivateText } from "../platform/private-files.ts";
import { Secret } from "../protocol/secret.ts";

export interface LocalToken {
  readonly token: Secret;
  /** The file it is in. */
  readonly path: string;
  /** The address to send it to, which only the coordinator of the data directory can have. */
  readonly url: string;
}

/**
 * The admin token of a data directory, when this URL reaches the coordinator that runs with it. To nobody else it is given
 * unasked: whoever listens at another port, or at that of a coordinator that has ended, is somebody else.
 */
export async function findLocalToken(dataDir: string, asked: string): Promise<LocalToken | null> {
  const { hostname } = new URL(asked);
  if (!isLoopbackHost(hostname) && isIP(hostname.replace(/^\[|\]$/g, "")) === 0) return null;
  const url = (await findLocalCoordinator(dataDir))?.match(asked) ?? null;
  if (url === null) return null;
  const path = tokenPath(dataDir);
  const text = (await readPrivateText(path))?.trim() ?? "";
  return text === "" ? null : { token: new Secret(text), path, url };
}
