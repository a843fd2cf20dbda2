import { join } from "node:path";
import { matchNodePackage } from "../../../src/domain/provision/runtime-builds.ts";
import { nodePins, openclawPin, type PackagePin } from "../../../src/provision/install/pins.ts";

/** The OpenClaw that the tests run against: the one that is installed from here. */
export const OPENCLAW_VERSION = openclawPin.version;

/** Where `scripts/install-openclaw.ts` puts Node.js and OpenClaw. */
export const openclawCache = (root: string): string => join(root, ".cache", "openclaw");

/** Of its npm package. */
export const OPENCLAW_INTEGRITY = openclawPin.integrity;

/** The npm package that carries Node.js for a platform. Throws for a platform that OpenClaw's tests do not cover. */
export function nodeRelease(platform: NodeJS.Platform, arch: NodeJS.Architecture): PackagePin {
  const libc = { name: "glibc", version: "2.35" } as const;
  const name = matchNodePackage({ platform, arch, libc });
  const release = nodePins.find((pin) => pin.name === name);
  if (release === undefined) throw new Error(`no Node.js package is known for ${platform} on ${arch}`);
  return release;
}

export const nodeBinDirectory = (root: string): string =>
  join(openclawCache(root), "node_modules", nodeRelease(process.platform, process.arch).name, "bin");

export const openclawEntry = (root: string): string =>
  join(openclawCache(root), "node_modules", "openclaw", "openclaw.mjs");

export interface Install {
  readonly hasNode: boolean;
  /** null: not installed, or only half. */
  readonly openclawVersion: string | null;
}

/** What of Node.js and OpenClaw is in the cache folder. */
export async function readInstall(root: string): Promise<Install> {
  const packageFile = Bun.file(join(openclawCache(root), "node_modules", "openclaw", "package.json"));
  const hasNode = await Bun.file(join(nodeBinDirectory(root), "node")).exists();
  if (!(await packageFile.exists()) || !(await Bun.file(openclawEntry(root)).exists())) {
    return { hasNode, openclawVersion: null };
  }
  const parsed: unknown = await packageFile.json();
  const version =
    parsed !== null && typeof parsed === "object" && "version" in parsed ? parsed.version : null;
  return { hasNode, openclawVersion: typeof version === "string" ? version : null };
}
