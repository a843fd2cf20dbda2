/** Checks the licence of every package that is installed here, and writes THIRD_PARTY_LICENSES. */
import { join } from "node:path";
import { isAllowedLicence } from "./supply-chain/licences.ts";
import { licencesFile, loadProject, toLicences } from "./supply-chain/project.ts";

const root = join(import.meta.dir, "..");
const project = await loadProject(root);
const installed = [...project.shipped, ...project.development];
const refused = installed.filter(({ licence }) => licence === null || !isAllowedLicence(licence));
for (const { locked, licence } of refused)
  console.error(`not allowed: ${locked.name} ${locked.version}: ${licence ?? "no licence"}`);
await Bun.write(licencesFile(root), toLicences(project));
console.log(`${installed.length} packages checked, ${project.shipped.length} of them in the executable`);
process.exitCode = refused.length === 0 ? 0 : 1;
