/**
 * Whether tests that need a tool of the machine can run. Where they cannot, that is said loudly, and in CI it is a
 * failure: `make test-tools` gets what is missing.
 */
export function isToolReady(tool: string, probe: readonly string[]): boolean {
  const isReady =
    Bun.which(probe[0] ?? "") !== null &&
    Bun.spawnSync([...probe], { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
  if (isReady) return true;
  const message = `${tool} cannot be used on this machine`;
  if (process.env.CI === "true") throw new Error(`${message}; in CI it has to be there: make test-tools`);
  console.warn(`\n*** SKIPPED: ${message}; to get it: make test-tools ***\n`);
  return false;
}
