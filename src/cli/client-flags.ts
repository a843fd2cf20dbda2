import { dirname, join } from "node:path";
import type { LoadedConfig } from "../config/load-config.ts";
import { defaultPort } from "../config/schema.ts";
import { localUrl } from "../platform/coordinator-file.ts";
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
 * coordinator, with a space before each flag; empty when it finds everything by itself, in the data directory. No secret is
 * among it.
 */
export function clientFlags({ config, port, names = [], home }: ClientFlagsOptions): string {
  const { coordinator } = config.value;
  const isOfThisRun = (path: string) => ["flag", "environment"].includes(config.originOf(path).kind);
  const isHidden = isOfThisRun("coordinator.data_dir");
  const isTls = usesTls(config);
  const isOwnCertificate = isTls && config.value.tls.cert_file === null;
  // A certificate of the file is known to the other terminal, too; one of a flag has to be called by its name.
  const [name] = isOfThisRun("tls.cert_file") ? names : [];
  const url = localUrl(name ?? coordinator.host, { port, isTls });
  // To an address by name it goes when it is told to.
  const needsToken = isHidden || name !== undefined;
  return [
    ...(config.file === null || isUsualPlace(config.file, home)
      ? []
      : [` --config ${shellWord(config.file)}`]),
    ...(name !== undefined || (isHidden && url !== urlWithoutFile(config, port))
      ? [` --coordinator ${url}`]
      : []),
    ...(isOwnCertificate && isHidden ? [` --ca ${shellWord(join(config.dataDir, "tls", "ca.pem"))}`] : []),
    // The file of the configuration may have another one, which comes before that of the data directory.
    ...((needsToken && config.originOf("coordinator.token").kind !== "file") ||
    (isOfThisRun("coordinator.token") && config.file !== null)
      ? [` --token-file ${shellWord(tokenPath(config.dataDir))}`]
      : []),
  ].join("");
}

/** What a command calls that finds no coordinator in its data directory; null: a flag may hide what the file says. */
function urlWithoutFile(config: LoadedConfig, port: number): string | null {
  const origins = ["coordinator.port", "tls.enabled", "tls.cert_file"].map(
    (path) => config.originOf(path).kind,
  );
  const isSaid = origins.some((kind) => kind === "flag" || kind === "environment");
  if (isSaid && (port !== defaultPort || config.file !== null || usesTls(config))) return null;
  return localUrl("127.0.0.1", { port, isTls: usesTls(config) });
}

/** Read wherever a command is started; a new terminal is at home. */
function isUsualPlace(file: string, home: string): boolean {
  return [home, defaultDataDir({}, home), join("/", "etc", "claw-mesh")].includes(dirname(file));
}
