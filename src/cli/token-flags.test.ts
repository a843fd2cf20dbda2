import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench } from "../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
  bench.handle((_request, reply) => reply.json([]));
});
afterEach(() => bench[Symbol.asyncDispose]());

const shown = () => bench.requests.at(-1)?.headers.authorization;

describe("--token-file", () => {
  test("sends the token of the file, which may be a link, before that of the environment", async () => {
    await writeFile(join(bench.directory, "real"), "from-file\n");
    await symlink("real", join(bench.directory, "token.txt"));
    const env = { CLAW_MESH_TOKEN: "from-env" };
    expect((await bench.run(["nodes", "--token-file", "token.txt"], { env })).exitCode).toBe(0);
    expect(shown()).toBe("Bearer from-file");
    expect((await bench.run(["--token-file=token.txt", "nodes"], { env })).exitCode).toBe(0);
  });

  test.each([
    ["a file that is not there", ["--token-file", "nowhere"], "nowhere holds no token, or cannot be read"],
    ["an empty file", ["--token-file", "empty"], "empty holds no token, or cannot be read"],
    ["a folder", ["--token-file", "."], ". holds no token, or cannot be read"],
    ["both flags", ["--token-file", "empty", "--token", "x"], "exclude each other"],
    ["no name", ["--token-file"], "--token-file needs a value"],
  ])("is refused with %s", async (_what, flags, message) => {
    await writeFile(join(bench.directory, "empty"), "\n");
    const { exitCode, stderr } = await bench.run(["nodes", ...flags]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
