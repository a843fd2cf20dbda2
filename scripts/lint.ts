/** Runs every static check, all of them even when one fails, and says at the end which failed. */
export {};

const checks: Readonly<Record<string, readonly string[]>> = {
  "format and lint": ["biome", "ci", "--error-on-warnings", "."],
  types: ["tsc", "--noEmit"],
  "unused code": ["knip"],
};

const failed: string[] = [];
for (const [name, command] of Object.entries(checks)) {
  const { exitCode } = Bun.spawnSync([process.execPath, "run", "--bun", "--silent", ...command], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  console.error(`${exitCode === 0 ? "ok    " : "FAILED"} ${name}`);
  if (exitCode !== 0) failed.push(name);
}
const architecture = Bun.spawnSync([process.execPath, "test", "./test/architecture.test.ts"], {
  stdio: ["ignore", "ignore", "inherit"],
});
console.error(`${architecture.exitCode === 0 ? "ok    " : "FAILED"} architecture`);
if (architecture.exitCode !== 0) failed.push("architecture");
process.exitCode = failed.length === 0 ? 0 : 1;
