/** Writes what the executable is made of, as CycloneDX 1.6 JSON. Usage: bun scripts/sbom.ts [file] */
import { join } from "node:path";
import { loadProject, toSbom } from "./supply-chain/project.ts";

const root = join(import.meta.dir, "..");
const file = process.argv[2] ?? "sbom.json";
const sbom = toSbom(await loadProject(root));
await Bun.write(file, `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`${file}: ${sbom.components.length} components`);
