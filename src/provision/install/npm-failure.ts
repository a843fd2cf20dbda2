import { MeshError } from "../../protocol/errors.ts";
import { diskFull } from "./file-failure.ts";
import { certificateHint } from "./release-fetch.ts";

/** A command of npm that did not go well, as far as it says why. */
export interface NpmFailure {
  /** What npm was to do: `install openclaw@2026.9.6`. */
  readonly task: string;
  /** `E404`, `EACCES`, `ENOTFOUND`; null: it names none. */
  readonly code: string | null;
  /** The last lines that it wrote, fit to be shown. */
  readonly lastLines: readonly string[];
  /** Where the rest is. */
  readonly logFile: string;
  /** What is to be done by hand. */
  readonly byHand: string;
  /** Where npm writes to; null: this command writes nothing. */
  readonly prefix: string | null;
}

/** What one code of npm means to who waits for an installation. */
type Cause =
  | "offline"
  | "proxy"
  | "refused"
  | "missing"
  | "denied"
  | "full"
  | "altered"
  | "untrusted"
  | "platform";

const causes: Readonly<Record<string, Cause>> = {
  ENOTFOUND: "offline",
  EAI_AGAIN: "offline",
  ECONNREFUSED: "offline",
  ECONNRESET: "offline",
  ECONNABORTED: "offline",
  ENETUNREACH: "offline",
  EHOSTUNREACH: "offline",
  ETIMEDOUT: "offline",
  ESOCKETTIMEDOUT: "offline",
  ERR_SOCKET_TIMEOUT: "offline",
  EIDLETIMEOUT: "offline",
  ECONNECTIONTIMEOUT: "offline",
  ENOTCACHED: "offline",
  E407: "proxy",
  E502: "proxy",
  E503: "proxy",
  E504: "proxy",
  EPROXY: "proxy",
  E401: "refused",
  E403: "refused",
  EAUTHUNKNOWN: "refused",
  ENEEDAUTH: "refused",
  E404: "missing",
  ETARGET: "missing",
  ENOVERSIONS: "missing",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  ENOSPC: "full",
  EDQUOT: "full",
  EINTEGRITY: "altered",
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "untrusted",
  CERT_HAS_EXPIRED: "untrusted",
  CERT_NOT_YET_VALID: "untrusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "untrusted",
  EBADENGINE: "platform",
  EBADPLATFORM: "platform",
};

/** One line on what went wrong, and one on what to do. */
export function toNpmError(failure: NpmFailure): MeshError {
  const { task, code, lastLines, logFile, byHand, prefix } = failure;
  const cause = code === null ? null : Object.hasOwn(causes, code) ? (causes[code] ?? null) : null;
  const named = code === null ? "" : ` (${code})`;
  const details = { log: logFile, last_lines: lastLines, ...(code === null ? {} : { npm_code: code }) };
  const by = `By hand: ${byHand}`;
  switch (cause) {
    case "offline":
      return new MeshError("DOWNLOAD_FAILED", `npm ${task}: the registry cannot be reached${named}`, {
        hint: `Check the network, HTTPS_PROXY and npm's registry, then run the same command again. ${by}`,
        details,
      });
    case "proxy":
      return new MeshError("DOWNLOAD_FAILED", `npm ${task}: a proxy stands in the way${named}`, {
        hint: `Check HTTPS_PROXY, or name the registry in NO_PROXY, then run the same command again. ${by}`,
        details,
      });
    case "refused":
      return new MeshError("DOWNLOAD_FAILED", `npm ${task}: the registry refuses it${named}`, {
        hint: `Log in to the registry with: npm login. ${by}`,
        details,
      });
    case "missing":
      return new MeshError("RUNTIME_INSTALL_FAILED", `npm ${task}: there is no such version${named}`, {
        hint:
          code === "ETARGET"
            ? `It may be newer than npm's settings "before" and "min-release-age" allow (npm config get before), or not be there: name another OpenClaw with --runtime-version, or leave it out. ${by}`
            : "Name another version with --runtime-version, or leave it out.",
        details,
      });
    case "denied":
      return new MeshError(
        "RUNTIME_INSTALL_FAILED",
        `npm ${task}: it may not write to ${prefix ?? "its folder"}${named}`,
        { hint: `Give this user that folder, and npm's cache (npm config get cache). ${by}`, details },
      );
    case "full":
      return diskFull(prefix ?? "npm's cache", new Error(lastLines.at(-1) ?? "npm"));
    case "altered":
      return new MeshError("CHECKSUM_MISMATCH", `npm ${task}: what came is not what was published${named}`, {
        details,
      });
    case "untrusted":
      return new MeshError(
        "DOWNLOAD_FAILED",
        `npm ${task}: the certificate of the registry is not trusted${named}`,
        {
          hint: `${certificateHint(code ?? "")} ${by}`,
          details,
        },
      );
    case "platform":
      return new MeshError("RUNTIME_UNSUPPORTED", `npm ${task}: it does not run on this machine${named}`, {
        details,
      });
    case null: {
      const last = lastLines.at(-1);
      return new MeshError(
        "RUNTIME_INSTALL_FAILED",
        `npm ${task} failed${named}${last === undefined ? "" : `: ${last}`}`,
        { hint: `See ${logFile}. ${by}`, details },
      );
    }
  }
}
