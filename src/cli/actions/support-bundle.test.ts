import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench, digits, nodeInfo } from "../../../test/support/cli-run.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const health = { status: "ok", mesh_id: `mesh_${digits("d")}`, version: "1.2.3" };
const answerAll = () =>
  bench.handle((request, reply) => {
    if (request.path === "/healthz") reply.json(health);
    else if (request.path.startsWith("/api/v1/nodes")) reply.json([nodeInfo()]);
    else reply.json({ error: "no", code: "SCOPE_MISSING", hint: "h", request_id: "r" }, 403);
  });

const readBundle = async (name = "bundle.json") => {
  const path = join(bench.directory, name);
  return { path, text: await readFile(path, "utf8") };
};

describe("the support bundle", () => {
  test("tells checks, settings with their origin, the mesh and its failures in one file for its owner", async () => {
    answerAll();
    const { exitCode, stderr } = await bench.run(["doctor", "--bundle", "bundle.json"]);
    expect(exitCode).toBe(0);
    expect(stderr).toContain("Support bundle written to bundle.json");
    const { path, text } = await readBundle();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(text)).toMatchObject({
      checks: expect.arrayContaining([expect.objectContaining({ check: "coordinator", status: "ok" })]),
      configuration: {
        settings: expect.arrayContaining([{ setting: "log.level", value: "info", origin: "default" }]),
      },
      coordinator: { health, readiness: { problem: { code: "SCOPE_MISSING" } } },
      nodes: [{ name: nodeInfo().name }],
      failures: { problem: { code: "SCOPE_MISSING" } },
      log: null,
    });
  });

  test("shows that a secret is set and where, and never the secret", async () => {
    answerAll();
    await writeFile(
      join(bench.directory, "claw-mesh.yaml"),
      "coordinator: { token: planted-one }\nnode: { gateway: { token: planted-two } }\n",
    );
    await writeFile(
      join(bench.directory, "claw-mesh.log"),
      "a planted-one\nb Bearer planted-three\nc http://u:planted-four@proxy\n",
    );
    const env = { HTTP_PROXY: "http://ada:planted-five@proxy:3128", OPENCLAW_GATEWAY_TOKEN: "planted-six" };
    const run = await bench.run(["doctor", "--bundle", "bundle.json", "--log", "claw-mesh.log"], { env });
    expect(run.stdout + run.stderr).not.toContain("planted");
    const { text } = await readBundle();
    expect(text).not.toContain("planted");
    const bundle = JSON.parse(text);
    expect(bundle.configuration.settings).toContainEqual({
      setting: "coordinator.token",
      value: "***",
      origin: expect.stringMatching(/claw-mesh\.yaml:1$/),
    });
    expect(bundle.environment).toEqual(expect.arrayContaining(["HTTP_PROXY", "OPENCLAW_GATEWAY_TOKEN"]));
    expect(bundle.log).toHaveLength(3);
  });

  test("is written also when no coordinator answers", async () => {
    bench.handle((_request, reply) => reply.cut());
    expect((await bench.run(["doctor", "--bundle", "bundle.json"])).exitCode).toBe(1);
    expect(JSON.parse((await readBundle()).text)).toMatchObject({
      nodes: { problem: { code: "COORDINATOR_UNREACHABLE" } },
    });
  });

  test("replaces a link, and leaves what it points to alone", async () => {
    answerAll();
    await writeFile(join(bench.directory, "precious"), "mine");
    await symlink(join(bench.directory, "precious"), join(bench.directory, "bundle.json"));
    await bench.run(["doctor", "--bundle", "bundle.json"]);
    expect(await readFile(join(bench.directory, "precious"), "utf8")).toBe("mine");
  });

  test.each([
    [["doctor", "--log", "x"], 2, "--log belongs to --bundle"],
    [["doctor", "--bundle", "b", "--log", "nowhere"], 1, "cannot read the log nowhere (ENOENT)"],
    [["doctor", "--bundle", "no/such/folder/b"], 1, "cannot write no/such/folder/b (ENOENT)"],
  ] as const)("%p ends with %i", async (args, code, message) => {
    answerAll();
    const { exitCode, stderr } = await bench.run([...args]);
    expect(exitCode).toBe(code);
    expect(stderr).toContain(message);
  });
});
