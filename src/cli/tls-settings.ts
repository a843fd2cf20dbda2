import type { LoadedConfig } from "../config/load-config.ts";
import type { TlsSettings } from "../coordinator/index.ts";
import { expandPath } from "../platform/paths.ts";
import { MeshError } from "../protocol/errors.ts";
import type { CliContext } from "./context.ts";

/** Whether a coordinator with this configuration is called over TLS. */
export function usesTls({ value: { tls } }: LoadedConfig): boolean {
  return tls.enabled || tls.cert_file !== null || tls.key_file !== null;
}

/**
 * What the coordinator shows; null: plain HTTP.
 * @throws MeshError CONFIG_INVALID for a certificate without its key, or the other way round
 */
export function toTlsSettings(context: CliContext, config: LoadedConfig): TlsSettings | null {
  const { tls, coordinator } = config.value;
  if (!usesTls(config)) return null;
  const { cert_file: certFile, key_file: keyFile } = tls;
  if (certFile === null && keyFile === null) {
    return { kind: "own", names: [coordinator.host, ...coordinator.allowed_hosts] };
  }
  if (certFile === null || keyFile === null) {
    throw new MeshError("CONFIG_INVALID", context.texts.tls.halfPair, {
      hint: context.texts.tls.halfPairHint,
    });
  }
  return {
    kind: "files",
    certFile: expandPath(certFile, context),
    keyFile: expandPath(keyFile, context),
  };
}
