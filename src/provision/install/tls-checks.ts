import type { Environment } from "../../platform/environment.ts";
import { MeshError } from "../../protocol/errors.ts";

/**
 * What is downloaded is going to run here, so that certificates have to count.
 * @throws MeshError DOWNLOAD_FAILED where the environment says that they do not
 */
export function requireTlsChecks({ NODE_TLS_REJECT_UNAUTHORIZED: value }: Environment): void {
  if (value !== "0") return;
  throw new MeshError(
    "DOWNLOAD_FAILED",
    "NODE_TLS_REJECT_UNAUTHORIZED=0 is set: no certificate would be checked, so nothing is downloaded",
    {
      hint: "Unset it. When a proxy looks into TLS here, name its certificate in NODE_EXTRA_CA_CERTS.",
    },
  );
}
