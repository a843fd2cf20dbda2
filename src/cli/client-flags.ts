import { dirname, join } from "node:path";
import type { LoadedConfig } from "../config/load-config.ts";
import { defaultPort } from "../config/schema.ts";
import { defaultDataDir, tokenPath } from "../platform/paths.ts";
import { shellWord } from "./shell-word.ts";
import { usesTls } from "./tls-settings.ts";

interface ClientFlagsOptions {
  readonly config: LoadedConfig;
  /** The port that was listened on. */
  readonly port: number;
  /** Names of the certificate that the coordinator was given; none when it makes its own. */
  readonly names?: readonly string[];
  readonly home: string;
}

/**
 * What a command in another terminal of this machine, in another directory maybe, has to be told to reach this
 * coordinator, with a space before each flag; empty when it finds everything by itself. No secret is among it.
 */
export function clientFlags({ config, port, names = [], home }: ClientFlagsOptions): string {
  const { coordinator } = config.value;
  const originOf = (name: "port" | "token" | "data_dir") => config.originOf(`coordinator.${name}`).kind;
  const isOfThisRun = (name: "port" | "token" | "data_dir") =>
    originOf(name) === "flag" || originOf(name) === "environment";
  const isTls = usesTls(config);
  const isOwnCertificate = isTls && config.value.tls.cert_file === null;
  // A certificate of the file is known to the other terminal, too; one of a flag has to be called by its name.
  const isTlsOfThisRun = (["tls.enabled", "tls.cert_file"] as const).some(
    (path) => !["file", "default"].includes(config.originOf(path).kind),
  );
  const [name] = names;
  const host = isTlsOfThisRun && name !== undefined ? name : coordinator.host;
  const url = localUrl(host, { port, isTls });
  // What a command takes that is told nothing; a flag of this run may have hidden a port of the file.
  const isExpected = isOfThisRun("port")
    ? port === defaultPort && config.file === null
    : port === coordinator.port;
  return [
    ...(config.file === null || isUsualPlace(config.file, home)
      ? []
      : [` --config ${shellWord(config.file)}`]),
    ...(isExpected && url === localUrl("127.0.0.1", { port, isTls: isTls && !isTlsOfThisRun })
      ? []
      : [` --coordinator ${url}`]),
    ...(isOwnCertificate && isOfThisRun("data_dir")
      ? [` --ca ${shellWord(join(config.dataDir, "tls", "ca.pem"))}`]
      : []),
    ...(originOf("token") === "flag" ? [" --token <token>"] : []),
    ...(coordinator.token === null && isOfThisRun("data_dir")
      ? [` --token-file ${shellWord(tokenPath(config.dataDir))}`]
      : []),
  ].join("");
}

/** Read wherever a command is started; a new terminal is at home. */
function isUsualPlace(file: string, home: string): boolean {
  return [home, defaultDataDir({}, home), join("/", "etc", "claw-mesh")].includes(dirname(file));
}

/** How this machine reaches its own coordinator. */
export function localUrl(
  host: string,
  { port, isTls }: { readonly port: number; readonly isTls: boolean },
): string {
  const scheme = isTls ? "https" : "http";
  if (host === "0.0.0.0" || host === "localhost") return `${scheme}://127.0.0.1:${port}`;
  if (host === "::") return `${scheme}://[::1]:${port}`;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
