import { hostname } from "node:os";
import type { LoadedConfig } from "../config/load-config.ts";
import { readTextIfExists } from "../platform/atomic-file.ts";
import { isLoopbackHost } from "../platform/http-fetch.ts";
import { expandPath } from "../platform/paths.ts";
import type { Trust } from "../platform/tls/trust.ts";
import { MeshError } from "../protocol/errors.ts";
import type { CliContext } from "./context.ts";

/**
 * Whom a connection to this address has to come from: the authorities of `--ca` or `tls.ca_file`; for a coordinator on
 * this machine, else, those of its configuration or data directory; null: the system decides, and with plain HTTP nobody.
 * @throws MeshError TLS_NOT_TRUSTED for a file of authorities that holds none; CONFIG_INVALID when a file of the current
 *   directory names them for another machine: whoever wrote it could take the coordinator's place
 */
export async function findTrust(
  context: Pick<CliContext, "home" | "cwd">,
  config: LoadedConfig,
  url: string,
): Promise<Trust | null> {
  const { protocol, hostname: host } = new URL(url);
  if (protocol !== "https:") return null;
  const { loadTrust, trustOfAuthorities, trustOfServed } = await import("../platform/tls/trust.ts");
  const { ca_file: caFile, cert_file: certFile } = config.value.tls;
  if (caFile !== null && isOfFolder(config) && !isLoopbackHost(host)) throw notItsPlace(config.file ?? "");
  const given = caFile === null ? null : await loadTrust(expandPath(caFile, context));
  if (!(await isThisMachine(host))) return given;
  if (certFile !== null) {
    const text = await readTextIfExists(expandPath(certFile, context));
    const served = text === null ? null : trustOfServed(text);
    return given === null || served === null ? (given ?? served) : { ...served, ca: given.ca };
  }
  if (given !== null) return given;
  const { authorityPath } = await import("../platform/tls/own-certificates.ts");
  const authority = await readTextIfExists(authorityPath(config.dataDir));
  return authority === null ? null : trustOfAuthorities(authority);
}

function isOfFolder({ isFileOfFolder, originOf }: LoadedConfig): boolean {
  return isFileOfFolder && originOf("tls.ca_file").kind === "file";
}

function notItsPlace(file: string): MeshError {
  return new MeshError(
    "CONFIG_INVALID",
    `${file} sets tls.ca_file, which a file of the current directory may do for this machine only.`,
    {
      hint: `If you trust that file, name it: --config ${file}. Else name the authorities: --ca <file>.`,
    },
  );
}

async function isThisMachine(host: string): Promise<boolean> {
  if (isLoopbackHost(host)) return true;
  const { machineAddresses } = await import("../platform/tls/certificate-names.ts");
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === hostname().toLowerCase() || machineAddresses().includes(bare);
}
