import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, cliSecret, createCliBench } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("init", () => {
  test("writes a file for its owner alone, and overwrites only with --force", async () => {
    const first = await bench.run(["init"]);
    expect([first.exitCode, first.stdout]).toEqual([0, "Config written to claw-mesh.yaml\n"]);
    const path = join(bench.directory, "claw-mesh.yaml");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, "utf8")).toContain(`token: "${cliSecret}"`);
    expect(await readFile(path, "utf8")).toContain('name: "mac-mini"');
    const second = await bench.run(["init"]);
    expect(second.exitCode).toBe(1);
    expect(second.stderr).toStartWith("Error: claw-mesh.yaml already exists (use --force to overwrite)\n");
    // Whoever only wants TLS would lose his token and rules by that.
    expect((await bench.run(["init", "--tls"])).stderr).toContain("tls: { enabled: true }");
    expect((await bench.run(["init", "--force"])).exitCode).toBe(0);
  });
});
