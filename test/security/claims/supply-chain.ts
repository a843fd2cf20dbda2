import type { Claim } from "../claim.ts";

const folder = "test/security/supply-chain";

export const supplyChainClaims: readonly Claim[] = [
  {
    id: "supply-chain.pins",
    claim:
      "Every package, and Bun itself, is pinned to one version and the SHA-512 of its bytes; none runs a script when it is installed.",
    shownBy: [{ file: `${folder}/pins.test.ts` }],
  },
  {
    id: "supply-chain.foreign-bytes",
    claim:
      "A registry that hands out other bytes under our versions gets nothing installed, with checksums of its own neither.",
    shownBy: [{ file: `${folder}/foreign-packages.test.ts` }],
  },
  {
    id: "supply-chain.licences",
    claim:
      "Every package has a licence of a short list, and THIRD_PARTY_LICENSES hands on the text of each that is in the executable.",
    shownBy: [{ file: `${folder}/licences.test.ts` }],
  },
  {
    id: "supply-chain.sbom",
    claim:
      "The list of parts (CycloneDX 1.6) names everything in the executable, Bun too, with version and checksum.",
    shownBy: [{ file: `${folder}/sbom.test.ts` }],
  },
  {
    id: "supply-chain.advisories",
    claim:
      "A known hole of high severity in a package fails the build; a registry that gives no answer is reported.",
    shownBy: [{ file: `${folder}/advisories.test.ts` }],
  },
  {
    id: "supply-chain.no-downloads",
    claim:
      "Starting, joining and sending connect to no address but those that the user named; nothing is downloaded.",
    shownBy: [{ file: `${folder}/network.test.ts` }],
  },
  {
    id: "supply-chain.directory",
    claim:
      "Of the directory that the program is started in, only a claw-mesh.yaml counts that nobody but the user and root could have written: no .env, bunfig.toml or package.json of it is read.",
    shownBy: [
      { file: `${folder}/foreign-settings.test.ts` },
      {
        file: "test/security/files/local-token.test.ts",
        tests: "a configuration in a folder that all users share",
      },
    ],
  },
  {
    id: "supply-chain.reproducible",
    claim: "The same sources give the same executable, byte for byte, on the same kind of machine.",
    shownBy: [{ file: `${folder}/reproducible.test.ts` }],
  },
  {
    id: "supply-chain.claims",
    claim: "Every promise of the threat model names tests that are there, and every claim stands in it.",
    shownBy: [{ file: "test/security/claims.test.ts" }],
  },
];
