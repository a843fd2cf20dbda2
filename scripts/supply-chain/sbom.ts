import type { LicencedPackage } from "./licences.ts";
import { type Lockfile, type Manifest, resolve } from "./lockfile.ts";

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly purl: string;
  readonly scope?: "required" | "excluded";
  readonly licenses?: readonly { readonly expression: string }[];
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
}

export interface Sbom {
  readonly $schema: string;
  readonly bomFormat: "CycloneDX";
  readonly specVersion: "1.6";
  readonly version: 1;
  readonly metadata: {
    readonly component: Component;
    readonly lifecycles: readonly { readonly phase: "build" }[];
  };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface SbomParts {
  readonly manifest: Manifest;
  readonly lockfile: Lockfile;
  /** In the executable. */
  readonly shipped: readonly LicencedPackage[];
  /** Used to make and test it. */
  readonly development: readonly LicencedPackage[];
  readonly bun: { readonly version: string; readonly integrity: string };
}

/**
 * What the executable is made of, as CycloneDX 1.6. The same sources give the same bytes: no time, no random serial
 * number. `scope: excluded` is what is needed to build and test only.
 */
export function createSbom({ manifest, lockfile, shipped, development, bun }: SbomParts): Sbom {
  const rootRef = purlOf("claw-mesh", manifest.version);
  const bunRef = purlOf("bun", bun.version);
  const byKey = new Map(lockfile.packages.map((locked) => [locked.key, locked]));
  const refsOf = (names: readonly string[], from: string) =>
    names
      .flatMap((name) => {
        const found = resolve(byKey, name, from);
        return found === undefined ? [] : [purlOf(found.name, found.version)];
      })
      .filter((ref) => all.has(ref))
      .sort();
  const packages = [...shipped, ...development];
  const all = new Set(packages.map(({ locked }) => purlOf(locked.name, locked.version)));
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      lifecycles: [{ phase: "build" }],
      component: {
        type: "application",
        "bom-ref": rootRef,
        name: "claw-mesh",
        version: manifest.version,
        purl: rootRef,
        licenses: [{ expression: "MIT" }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": bunRef,
        name: "bun",
        version: bun.version,
        purl: bunRef,
        scope: "required",
        licenses: [{ expression: "MIT" }],
        hashes: [toHash(bun.integrity)],
      },
      ...shipped.map((item) => toComponent(item, "required")),
      ...development.map((item) => toComponent(item, "excluded")),
    ],
    dependencies: [
      {
        ref: rootRef,
        dependsOn: [bunRef, ...refsOf(Object.keys(manifest.dependencies), "")],
      },
      { ref: bunRef, dependsOn: [] },
      ...packages.map(({ locked }) => ({
        ref: purlOf(locked.name, locked.version),
        dependsOn: refsOf(locked.dependencies, locked.key),
      })),
    ],
  };
}

function toComponent({ locked, licence }: LicencedPackage, scope: "required" | "excluded"): Component {
  const ref = purlOf(locked.name, locked.version);
  const [group, name] = locked.name.startsWith("@") ? locked.name.split("/") : [undefined, locked.name];
  return {
    type: "library",
    "bom-ref": ref,
    ...(group === undefined ? {} : { group }),
    name: name ?? locked.name,
    version: locked.version,
    purl: ref,
    scope,
    ...(licence === null ? {} : { licenses: [{ expression: licence }] }),
    ...(locked.integrity === null ? {} : { hashes: [toHash(locked.integrity)] }),
  };
}

function toHash(integrity: string): { readonly alg: "SHA-512"; readonly content: string } {
  return {
    alg: "SHA-512",
    content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex"),
  };
}

/** https://github.com/package-url/purl-spec: the at sign of a scope is escaped. */
function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
