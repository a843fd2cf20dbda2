import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench } from "../../test/support/cli-run.ts";
import { holdDataDir } from "../../test/support/local-coordinator.ts";

let bench: CliBench;
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench[Symbol.asyncDispose]());

describe("typing", () => {
  test("a wrong command is answered with the right one, on standard error, with exit code 2", async () => {
    const { exitCode, stdout, stderr } = await bench.run(["stauts"]);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith('Error: there is no command "stauts"; did you mean `status`?\nHint: ');
  });

  test.each([
    [["send", "--requres", "x"], "--requires"],
    [["up", "--port", "high"], "is not a port"],
    [["join"], "<url> is missing"],
    [["nodes", "extra"], "one argument too many"],
    [["send", "hi"], "specify --node <name> or --auto"],
    [["send", "--auto", "--node", "x", "hi"], "choose one of"],
    [["send", "--auto", "--timeout", "soon", "hi"], "is not a time"],
    [["send", "--auto", "--effects", "some", "hi"], "is not one of safe, unsafe"],
    [["send", "--auto"], "there is no message"],
    [["send", "--auto", "--requires", "docker", "hi"], "skill=docker"],
    [["route", "add", "--match", "colour:red"], '"colour:red" is not a criterion'],
    [["route", "move", "1"], "--first, --last or --to"],
    [["route", "move", "1"], "See: claw-mesh route move --help"],
    [["route", "ad"], "See: claw-mesh route --help"],
    [["invite", "--ttl", "100d"], "30d at most"],
    [["invite", "--ttl", "100d"], "See: claw-mesh invite create --help"],
    [["invite", "lst"], "See: claw-mesh invite --help"],
    [["invite", "--tags", ""], "is empty"],
    [["invite", "--groups", ","], "is empty"],
    [["token", "create", "x", "--scope", "read", "--groups", ""], "is empty"],
    [["token", "create", "x", "--scope", "read", "--ttl", "1w"], "2h or 7d"],
    [["token", "create", "x"], "--scope is missing"],
    [["audit", "verify", "--head", "00"], "See: claw-mesh audit verify --help"],
    [["status", "--coordinator"], "--coordinator needs a value"],
    [["status", "--coordinator", "ftp://x"], "is not an address"],
    [["up", "--local", "magic"], '"magic" is not one of'],
  ] as const)("%j is refused with a reason and exit code 2", async (args, reason) => {
    const { exitCode, stderr } = await bench.run(args);
    expect(stderr).toContain(reason);
    expect(exitCode).toBe(2);
  });

  test("--json gives errors as JSON with stable fields", async () => {
    const { exitCode, stderr, stdout } = await bench.run(["send", "--json", "hi"]);
    expect(JSON.parse(stderr)).toEqual({
      error: "specify --node <name> or --auto",
      code: "USAGE",
      hint: expect.any(String),
      request_id: null,
      exit_code: 2,
    });
    expect([exitCode, stdout]).toEqual([2, ""]);
  });

  test("help has examples and the flags of every command", async () => {
    for (const args of [
      ["send", "--help"],
      ["help", "send"],
    ]) {
      const { exitCode, stdout } = await bench.run(args);
      expect(exitCode).toBe(0);
      expect(stdout).toContain("EXAMPLES");
      expect(stdout).toContain("--coordinator <url>");
    }
  });

  test("version is printed by the command and by the flag", async () => {
    expect((await bench.run(["version"])).stdout).toBe("claw-mesh 1.2.3\n");
    expect((await bench.run(["--version", "--no-color"])).stdout).toBe("claw-mesh 1.2.3\n");
    expect(JSON.parse((await bench.run(["version", "--json"])).stdout)).toEqual({ version: "1.2.3" });
  });
});

describe("who is asked, and with which token", () => {
  const seenToken = async (args: readonly string[], env: Record<string, string> = {}) => {
    let token: string | null = null;
    bench.handle(({ headers }, reply) => {
      token = headers.authorization ?? null;
      reply.json([]);
    });
    await bench.run(args, { env });
    return token as string | null;
  };

  test("global flags work before and behind the command", async () => {
    expect(await seenToken(["--token", "one", "status"])).toBe("Bearer one");
    expect(await seenToken(["status", "--token=two"])).toBe("Bearer two");
  });

  test("the token is taken from flag, variable, configuration, then the data directory", async () => {
    expect(await seenToken(["status"])).toBeNull();
    await mkdir(join(bench.directory, ".claw-mesh"));
    await writeFile(join(bench.directory, ".claw-mesh", "token"), "from-data-dir\n");
    const dataDir = join(bench.directory, ".claw-mesh");
    expect(await seenToken(["status"])).toBeNull();
    using _running = await holdDataDir(dataDir, { port: Number(new URL(bench.url).port) });
    expect(await seenToken(["status"])).toBe("Bearer from-data-dir");
    await writeFile(join(bench.directory, "claw-mesh.yaml"), "coordinator: { token: from-file }\n");
    expect(await seenToken(["status"])).toBe("Bearer from-file");
    expect(await seenToken(["status"], { CLAW_MESH_TOKEN: "from-env" })).toBe("Bearer from-env");
    expect(await seenToken(["status", "--token", "from-flag"], { CLAW_MESH_TOKEN: "x" })).toBe(
      "Bearer from-flag",
    );
  });

  test("the token of the data directory goes to no other port, and to none over TLS", async () => {
    const port = Number(new URL(bench.url).port);
    const dataDir = join(bench.directory, ".claw-mesh");
    await mkdir(dataDir);
    await writeFile(join(dataDir, "token"), "from-data-dir\n");
    for (const facts of [
      { port: port - 1 },
      { port, scheme: "https" as const },
      { port, host: "192.0.2.7" },
    ]) {
      using _running = await holdDataDir(dataDir, facts);
      expect(await seenToken(["status"])).toBeNull();
      expect(await seenToken(["status"], { CLAW_MESH_TOKEN: "mine" })).toBe("Bearer mine");
    }
  });

  test("without any address the coordinator that runs is found, whatever the configuration says", async () => {
    const port = Number(new URL(bench.url).port);
    const dataDir = join(bench.directory, ".claw-mesh");
    await mkdir(dataDir);
    await writeFile(join(dataDir, "token"), "from-data-dir\n");
    await writeFile(join(bench.directory, "claw-mesh.yaml"), "coordinator: { port: 1 }\n");
    using _running = await holdDataDir(dataDir, { port });
    expect(await seenToken(["status"], { CLAW_MESH_COORDINATOR: "" })).toBe("Bearer from-data-dir");
    const named = { CLAW_MESH_COORDINATOR: "", CLAW_MESH_COORDINATOR_PORT: "1" };
    expect((await bench.run(["status"], { env: named })).stderr).toContain("http://127.0.0.1:1");
  });

  test("without any address the port of the configuration counts", async () => {
    bench.handle((_, reply) => reply.json([]));
    await writeFile(
      join(bench.directory, "claw-mesh.yaml"),
      `coordinator: { port: ${new URL(bench.url).port} }\n`,
    );
    const { stdout } = await bench.run(["status"], { env: { CLAW_MESH_COORDINATOR: "" } });
    expect(stdout).toContain(`Mesh: ${bench.url}\n`);
  });

  test.each([
    ["TOKEN_INVALID", 401, 4],
    ["NODE_NOT_FOUND", 404, 5],
    ["NO_NODE_FITS", 503, 6],
    ["RUNTIME_FAILED", 502, 1],
  ] as const)("%s ends with its exit code", async (code, status, exitCode) => {
    bench.handle((_, reply) =>
      reply.json({ error: "why", code, hint: "what to do", request_id: "r" }, status),
    );
    const result = await bench.run(["status"]);
    expect(result.exitCode).toBe(exitCode);
    expect(result.stderr).toBe("Error: why\nHint: what to do\n");
  });

  test("nobody there is exit code 3", async () => {
    const result = await bench.run(["status", "--coordinator", "http://127.0.0.1:1"]);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain("cannot reach the coordinator at http://127.0.0.1:1");
  });

  test("a broken configuration is exit code 2 and names the place", async () => {
    await writeFile(join(bench.directory, "claw-mesh.yaml"), "coordinator:\n  prot: 1\n");
    const result = await bench.run(["status"]);
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toContain(
      'claw-mesh.yaml:2:3: unknown key "coordinator.prot"; did you mean "port"?',
    );
  });
});

describe("a runtime", () => {
  test.each([
    { command: "join", args: ["join", "http://127.0.0.1:1", "--runtime"] },
    { command: "up", args: ["up", "--local"] },
  ])("that is none is refused by $command, which names those that there are", async ({ args }) => {
    const unknown = await bench.run([...args, "zeroclam"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.stderr).toContain("openclaw, zeroclaw, openai, acp, command, echo, auto");
  });
});

test("a current directory that was deleted is said in one line", async () => {
  const { exitCode, stderr } = await bench.run(["status"], { cwd: null });
  expect(exitCode).toBe(2);
  expect(stderr).toStartWith("Error: the current directory is not there any more\n");
});
