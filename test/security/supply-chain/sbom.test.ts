import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { findClosure } from "../../../scripts/supply-chain/lockfile.ts";
import { loadProject, toSbom } from "../../../scripts/supply-chain/project.ts";

const Purl = z.string().regex(/^pkg:npm\/(%40[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(-[\w.]+)?$/);
const ComponentShape = z.strictObject({
  type: z.enum(["application", "library", "platform"]),
  "bom-ref": Purl,
  group: z.string().startsWith("@").optional(),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: Purl,
  scope: z.enum(["required", "optional", "excluded"]).optional(),
  licenses: z.array(z.strictObject({ expression: z.string().min(1) })).length(1),
  hashes: z
    .array(z.strictObject({ alg: z.literal("SHA-512"), content: z.string().regex(/^[0-9a-f]{128}$/) }))
    .optional(),
});
/** The part of https://cyclonedx.org/docs/1.6/json/ that we use; unknown fields are mistakes. */
const SbomShape = z.strictObject({
  $schema: z.literal("http://cyclonedx.org/schema/bom-1.6.schema.json"),
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  version: z.int().min(1),
  metadata: z.strictObject({
    lifecycles: z.array(z.strictObject({ phase: z.literal("build") })),
    component: ComponentShape,
  }),
  components: z.array(ComponentShape),
  dependencies: z.array(z.strictObject({ ref: Purl, dependsOn: z.array(Purl) })),
});

const root = join(import.meta.dir, "..", "..", "..");
const project = await loadProject(root);
const sbom = toSbom(project);

describe("the list of what the executable is made of", () => {
  test("has the form of CycloneDX 1.6", () => {
    expect(SbomShape.safeParse(JSON.parse(JSON.stringify(sbom))).error).toBeUndefined();
  });

  test("names every package that the executable needs, by version and checksum", () => {
    const needed = findClosure(project.lockfile, Object.keys(project.manifest.dependencies));
    const shipped = sbom.components.filter(({ scope, type }) => scope === "required" && type === "library");
    expect(shipped).toHaveLength(needed.length);
    expect(needed.length).toBeGreaterThan(Object.keys(project.manifest.dependencies).length);
    for (const { hashes } of sbom.components) expect(hashes).toHaveLength(1);
  });

  test("names the Bun inside, which is the one that runs this test", () => {
    const bun = sbom.components.find(({ type }) => type === "platform");
    expect(bun).toMatchObject({ name: "bun", version: Bun.version, scope: "required" });
  });

  test("refers to nothing that it does not list, and lists nothing twice", () => {
    const refs = [sbom.metadata.component, ...sbom.components].map((component) => component["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    expect(new Set(sbom.dependencies.map(({ ref }) => ref))).toEqual(new Set(refs));
    for (const { dependsOn } of sbom.dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
  });

  test("is the same whenever it is made", async () => {
    expect(JSON.stringify(toSbom(await loadProject(root)))).toBe(JSON.stringify(sbom));
  });
});
