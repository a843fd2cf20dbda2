/**
 * Asks the package registry whether it knows of holes in the versions we use. High and critical ones fail. A registry that
 * does not answer is no failure, but is said loudly: nothing was checked then.
 */
import { join } from "node:path";
import { judgeAdvisories } from "./supply-chain/advisories.ts";

const timeoutMs = 45_000;

const audit = Bun.spawn([process.execPath, "audit", "--json"], {
  cwd: join(import.meta.dir, ".."),
  stdio: ["ignore", "pipe", "pipe"],
  timeout: timeoutMs,
});
const [stdout] = await Promise.all([audit.stdout.text(), audit.stderr.text(), audit.exited]);
const { result, lines } = judgeAdvisories(stdout);
for (const line of lines) console.log(line);
if (result === "no answer")
  console.log("*** NO REGISTRY ANSWERED: known holes in our packages were NOT looked up. ***");
else console.log(`advisories: ${result === "none" ? "none" : `${lines.length}`}`);
process.exitCode = result === "severe" ? 1 : 0;
