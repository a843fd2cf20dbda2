import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { createTestMesh, e2eTimeoutMs } from "../support/mesh-process.ts";
import { executable, runProgram } from "../support/program.ts";
import { createTempDir } from "../support/temp-dir.ts";

setDefaultTimeout(e2eTimeoutMs);

const maxSizeBytes = 130e6;

describe("the executable", () => {
  test(`is smaller than ${maxSizeBytes / 1e6} MB`, async () => {
    expect((await stat(executable)).size).toBeLessThan(maxSizeBytes);
  });

  test("works alone, copied away from the sources, without any variable", async () => {
    await using directory = await createTempDir();
    const copy = join(directory.path, "claw-mesh");
    await copyFile(executable, copy);
    const child = Bun.spawn([copy, "--version"], { cwd: directory.path, env: {}, stdout: "pipe" });
    expect((await child.stdout.text()).trim()).toContain(packageFile.version);
    expect(await child.exited).toBe(0);
  });

  test("tells a mistyped command line in its own words, though its names are shortened", async () => {
    const env = { HOME: "/", PATH: "/usr/bin:/bin" };
    const stderrOf = async (args: readonly string[]) =>
      (await runProgram({ args: [...args], cwd: "/", env })).stderr;
    expect(await stderrOf(["send", "--atuo", "hi"])).toContain(
      'there is no flag "--atuo"; did you mean --auto?',
    );
    expect(await stderrOf(["send", "--timeout", "5x", "hi"])).toContain('--timeout: "5x" is not a time');
    expect(await stderrOf(["send", "--effects", "saef", "hi"])).toContain('did you mean "safe"?');
    expect(await stderrOf(["join"])).toContain("<url> is missing");
    expect(await stderrOf(["nodes", "extra"])).toContain("one argument too many");
    expect(await stderrOf(["route", "ad"])).toContain("Hint: See: claw-mesh route --help");
  });

  test("hands a long answer to a slow reader of a pipe in full", async () => {
    await using mesh = await createTestMesh();
    const coordinator = await mesh.startCoordinator({ args: ["--local", "echo"] });
    const { machine } = coordinator;
    const content = "x".repeat(900_000);
    await Bun.write(join(machine.cwd, "long.txt"), content);
    const sending = [
      executable,
      "send",
      "--auto",
      "--json",
      "--coordinator",
      coordinator.url,
      "<",
      "long.txt",
    ];
    const child = Bun.spawn(["sh", "-c", `${sending.join(" ")} | (sleep 0.3; cat)`], {
      cwd: machine.cwd,
      env: { HOME: machine.home, PATH: "/usr/bin:/bin" },
      stdout: "pipe",
    });
    const answer = JSON.parse(await child.stdout.text()) as { response: string };
    expect(answer.response).toEndWith(content);
  });

  test("takes nothing from .env and bunfig.toml of the directory it is started in", async () => {
    await using directory = await createTempDir();
    await Bun.write(
      join(directory.path, ".env"),
      "CLAW_MESH_COORDINATOR=http://planted.invalid:1\nCLAW_MESH_TOKEN=planted\n",
    );
    await Bun.write(join(directory.path, "bunfig.toml"), `preload = ["./planted.ts"]\n`);
    await Bun.write(join(directory.path, "planted.ts"), `console.log("planted");\n`);
    const result = await runProgram({
      args: ["status", "--json"],
      cwd: directory.path,
      env: { HOME: directory.path, PATH: "/usr/bin:/bin" },
    });
    expect(result.stdout + result.stderr).not.toContain("planted");
    // Nobody listens at the default address, or a coordinator of this machine does, which got no token.
    expect(["COORDINATOR_UNREACHABLE", "TOKEN_MISSING"]).toContain(JSON.parse(result.stderr).code);
  });
});
