import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, chown, lstat, mkdir, readdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../../support/mesh-process.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await createTestMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

/** Leaves new files open to everybody, as the shell of a careless user does. */
const carelessly = ["sh", "-c", 'umask 0; exec "$@"', "sh"];

const stateOf = ({ home }: Machine) => join(home, ".claw-mesh");
const modeOf = async (path: string) => ((await lstat(path)).mode & 0o7777).toString(8);

/** Everything below a folder, itself too, that others may look into, with its mode. */
async function openBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = [folder, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  const modes = await Promise.all(paths.map(async (path) => [path, (await lstat(path)).mode] as const));
  return modes
    .filter(([, mode]) => (mode & 0o077) !== 0)
    .map(([path, mode]) => `${path} ${mode.toString(8)}`);
}

describe("files of the whole product", () => {
  test("are all their owner's alone, though the shell leaves new files open to everybody", async () => {
    const machine = await mesh.createMachine("careless");
    const hub = machine.start(["up", "--tls", "--local", "echo", "--port", "0"], { wrapper: carelessly });
    const [, port] = await hub.waitForLine(/coordinator listening on :(\d+)/, 20_000);
    await hub.waitForLine(/registered as node node_/, 20_000);
    const at = ["--coordinator", `https://127.0.0.1:${port}`];
    const run = (...args: readonly string[]) =>
      machine.start([...args, ...at], { wrapper: carelessly }).exited;
    await mkdir(join(machine.cwd, "out"));
    await run("send", "--auto", "hello");
    await run("task", "export", "--output", "out/export.jsonl");
    await run("doctor", "--bundle", "out/bundle.json");
    await machine.start(["init", "--config", "out/claw-mesh.yaml"], { wrapper: carelessly }).exited;
    expect((await readdir(join(machine.cwd, "out"))).sort()).toEqual([
      "bundle.json",
      "claw-mesh.yaml",
      "export.jsonl",
    ]);
    await chmod(join(machine.cwd, "out"), 0o700);
    expect(await openBelow(join(machine.cwd, "out"))).toEqual([]);
    expect(await openBelow(stateOf(machine))).toEqual([]);
    await hub.stop("SIGTERM");
    expect(await openBelow(stateOf(machine))).toEqual([]);
  });

  test("that were opened to others are closed at the next start, with a log line for each", async () => {
    const machine = await mesh.createMachine("widened");
    await (await mesh.startCoordinator({ machine, args: ["--local", "echo"] })).kill("SIGKILL");
    const paths = ["", "token", "mesh.db", "direct.key"].map((name) => join(stateOf(machine), name));
    for (const path of paths) await chmod(path, path.endsWith("claw-mesh") ? 0o755 : 0o644);
    const again = await mesh.startCoordinator({ machine, args: ["--local", "echo"] });
    expect(await openBelow(stateOf(machine))).toEqual([]);
    const log = again.program().stderr();
    for (const path of paths)
      expect(log).toMatch(new RegExp(`WARN .*path=${path} from=(?:755|644) to=(?:700|600)\\n`));
    await again.kill("SIGTERM");
  });

  test.each(["token", "mesh.db", "direct.key", "lock"])(
    "are refused when %s is a link, and the start says why",
    async (name) => {
      const machine = await mesh.createMachine(`link-${name}`);
      await (await mesh.startCoordinator({ machine })).kill("SIGTERM");
      const path = join(stateOf(machine), name);
      await rename(path, join(machine.home, "elsewhere"));
      await symlink(join(machine.home, "elsewhere"), path);
      const { exitCode, stderr } = await machine.cli(["up", "--no-local", "--port", "0", "--json"]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('"code": "FILE_UNSAFE"');
      expect(stderr).toContain(`${path} is a symbolic link`);
    },
  );

  // Only root can give a file away.
  if (process.getuid?.() === 0) {
    test.each(["mesh.db", "."])("are refused when %s belongs to another user", async (name) => {
      const machine = await mesh.createMachine(`foreign-${name}`);
      await (await mesh.startCoordinator({ machine })).kill("SIGTERM");
      const path = join(stateOf(machine), name);
      await chown(path, 54_321, 54_321);
      const { exitCode, stderr } = await machine.cli(["up", "--no-local", "--port", "0", "--json"]);
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining('"code": "FILE_UNSAFE"'),
      });
      expect(stderr).toContain(`${path} belongs to another user (54321)`);
    });

    test("are refused below a folder of another user", async () => {
      const machine = await mesh.createMachine("foreign-parent");
      const parent = join(machine.home, "parent");
      await mkdir(parent);
      await chown(parent, 54_321, 54_321);
      const { exitCode, stderr } = await machine.cli([
        ...["up", "--no-local", "--port", "0"],
        ...["--data-dir", join(parent, "state")],
      ]);
      expect({ exitCode, stderr }).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(`${parent} belongs to another user (54321)`),
      });
    });
  }

  test("are refused below a folder that everybody may write to, by the node too", async () => {
    const machine = await mesh.createMachine("shared");
    const shared = join(machine.home, "shared");
    await mkdir(shared);
    await chmod(shared, 0o777);
    for (const args of [
      ["up", "--no-local", "--port", "0", "--data-dir", join(shared, "state")],
      ["join", "http://127.0.0.1:1", "--no-gateway", "--data-dir", join(shared, "state")],
    ]) {
      const { exitCode, stderr } = await machine.cli(args);
      expect({ args, exitCode, stderr }).toMatchObject({
        exitCode: 1,
        stderr: expect.stringContaining(`${shared} may be changed by other users (mode 777)`),
      });
    }
  });

  test("that a command reads a token from are refused as links", async () => {
    const machine = await mesh.createMachine("reader");
    const coordinator = await mesh.startCoordinator({ machine });
    const path = join(stateOf(machine), "token");
    await rename(path, join(machine.home, "moved"));
    await symlink(join(machine.home, "moved"), path);
    const { exitCode, stderr } = await coordinator.cli(["nodes"]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`${path} is a symbolic link`);
  });
});

describe("a configuration with a token", () => {
  test("that others can read is told of, and keeps its mode", async () => {
    const machine = await mesh.createMachine("configured");
    const file = join(machine.cwd, "claw-mesh.yaml");
    await writeFile(file, 'coordinator: { token: "abcdefghijklmnop" }\n');
    await chmod(file, 0o644);
    const coordinator = await mesh.startCoordinator({ machine });
    await until(
      "the warning",
      () => Promise.resolve(coordinator.program().stderr().includes(`path=${file} mode=644`)),
      5_000,
    );
    expect(coordinator.program().stderr()).toContain(`remedy="chmod 600 ${file}"`);
    expect(await modeOf(file)).toBe("644");
    await coordinator.kill("SIGTERM");
  });
});
