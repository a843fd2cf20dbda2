import { expect, test } from "bun:test";
import { join } from "node:path";
import { judgeAdvisories } from "../../../scripts/supply-chain/advisories.ts";

const hole = (severity: string) => ({
  id: 1,
  url: "https://example.org/advisory",
  title: "reads too far",
  severity,
  vulnerable_versions: "<2.0.0",
});

test.each([
  ["{}", "none"],
  [JSON.stringify({ yaml: [hole("low"), hole("moderate")] }), "tolerable"],
  [JSON.stringify({ yaml: [hole("low")], ws: [hole("high")] }), "severe"],
  [JSON.stringify({ ws: [hole("critical")] }), "severe"],
  ["", "no answer"],
  ["<html>", "no answer"],
  ["{ half", "no answer"],
  [JSON.stringify({ error: "method not allowed" }), "no answer"],
])("an audit that printed %p is: %s", (stdout, result) => {
  expect(judgeAdvisories(stdout).result as string).toBe(result);
});

test("a known hole is told with package, versions, severity and address", () => {
  expect(judgeAdvisories(JSON.stringify({ ws: [hole("high")] })).lines).toEqual([
    "high: ws <2.0.0: reads too far https://example.org/advisory",
  ]);
});

/** Runs the script against a registry that answers like this; null: one that is not there. */
async function runScript(
  answer: string | null,
): Promise<{ readonly exitCode: number; readonly stdout: string }> {
  const registry = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(answer, { headers: { "content-type": "application/json" } }),
  });
  const url = `http://127.0.0.1:${registry.port}/`;
  if (answer === null) await registry.stop(true);
  try {
    const script = Bun.spawn([process.execPath, "scripts/advisories.ts"], {
      cwd: join(import.meta.dir, "../../.."),
      env: { ...Bun.env, NPM_CONFIG_REGISTRY: url, npm_config_registry: url },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [stdout, exitCode] = await Promise.all([script.stdout.text(), script.exited]);
    return { exitCode, stdout };
  } finally {
    await registry.stop(true);
  }
}

test.each<[string, string | null, number, string]>([
  ["knows of none", "{}", 0, "advisories: none"],
  ["knows of a small one", JSON.stringify({ yaml: [hole("low")] }), 0, "low: yaml"],
  ["knows of a severe one", JSON.stringify({ yaml: [hole("high")] }), 1, "high: yaml"],
  ["is not there", null, 0, "NO REGISTRY ANSWERED"],
])(
  "the step of the build, with a registry that %s, ends with its code",
  async (_, answer, exitCode, text) => {
    const ended = await runScript(answer);
    expect(ended).toEqual({ exitCode, stdout: expect.stringContaining(text) });
  },
  30_000,
);
