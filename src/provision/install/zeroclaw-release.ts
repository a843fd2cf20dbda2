import type { BuildMachine } from "../../domain/provision/runtime-builds.ts";
import { matchZeroclawTriple } from "../../domain/provision/runtime-builds.ts";
import type { Environment } from "../../platform/environment.ts";
import { isLoopbackHost } from "../../platform/http-fetch.ts";
import { MeshError } from "../../protocol/errors.ts";
import { zeroclawReleases, zeroclawReleasesVariable, zeroclawTag } from "./pins.ts";

/** One archive of a release, and the list of checksums beside it. */
export interface ZeroclawRelease {
  /** With the `v` in front. */
  readonly tag: string;
  readonly asset: string;
  readonly archiveUrl: string;
  readonly checksumsUrl: string;
}

/**
 * The archive that fits the machine.
 * @param version `0.8.4` or `v0.8.4`; null: the one that the adapter was written for
 * @throws MeshError RUNTIME_UNSUPPORTED when there is none; USAGE for a version or an address that is none
 */
export function matchZeroclawRelease(
  machine: BuildMachine,
  options: { readonly version: string | null; readonly env: Environment },
): ZeroclawRelease {
  const tag = toTag(options.version);
  const base = releasesAddress(options.env);
  const triple = matchZeroclawTriple(machine);
  if (triple === null) {
    throw new MeshError(
      "RUNTIME_UNSUPPORTED",
      `ZeroClaw has no build for ${machine.platform} on ${machine.arch}`,
      {
        hint: "Build it from its sources, put zeroclaw on PATH, and run the same command again; or use another runtime with --runtime.",
      },
    );
  }
  if (machine.platform === "win32" || machine.platform === ("android" as NodeJS.Platform)) {
    throw new MeshError("RUNTIME_UNSUPPORTED", `ZeroClaw is not installed on ${machine.platform} from here`, {
      hint: `Unpack it by hand from ${base}/${tag}/ into a folder of PATH, and run the same command again.`,
    });
  }
  const asset = `zeroclaw-${triple}.tar.gz`;
  return {
    tag,
    asset,
    archiveUrl: `${base}/${tag}/${asset}`,
    checksumsUrl: `${base}/${tag}/SHA256SUMS`,
  };
}

function toTag(version: string | null): string {
  if (version === null) return zeroclawTag;
  const tag = version.startsWith("v") ? version : `v${version}`;
  // It becomes part of an address and of a file name.
  if (!/^v\d{1,9}(?:\.\d{1,9}){1,3}(?:[-+][A-Za-z0-9][A-Za-z0-9.-]{0,40})?$/.test(tag)) {
    throw new MeshError("USAGE", `${JSON.stringify(version)} is no version of ZeroClaw`, {
      hint: `A version is like ${zeroclawTag.slice(1)}.`,
    });
  }
  return tag;
}

function releasesAddress(env: Environment): string {
  const given = env[zeroclawReleasesVariable];
  if (given === undefined || given === "") return zeroclawReleases;
  const url = URL.parse(given);
  const isSafe = url !== null && (url.protocol === "https:" || isLoopbackHttp(url));
  if (!isSafe || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new MeshError(
      "USAGE",
      `${zeroclawReleasesVariable} is no https address without a user or a query`,
      {
        hint: `Name the folder that holds the folder of each version, such as ${zeroclawReleases}`,
      },
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** Plain HTTP is for this machine only: what comes over a network that way can be changed on its way. */
export function isLoopbackHttp(url: URL): boolean {
  // Names below localhost lead to this machine by convention only.
  const isName = url.hostname.endsWith(".localhost");
  return url.protocol === "http:" && !isName && isLoopbackHost(url.hostname);
}

/**
 * The SHA-256 of a file in the text of a `SHA256SUMS`: lines of 64 hexadecimal digits, blanks, perhaps `*`, and the name.
 * @returns in lower case; null when no line names the file, or two lines disagree
 */
export function findChecksum(text: string, file: string): string | null {
  const sums = text.split(/\r?\n/).flatMap((line) => {
    const parts = /^([0-9a-fA-F]{64})[ \t]+\*?(?:\.\/)?(.+)$/.exec(line.trim());
    return parts?.[2] === file && parts[1] !== undefined ? [parts[1].toLowerCase()] : [];
  });
  const [sum] = sums;
  return sum !== undefined && sums.every((other) => other === sum) ? sum : null;
}
