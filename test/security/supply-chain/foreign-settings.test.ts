import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs } from "../../support/mesh-process.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(e2eTimeoutMs);

const planted = "planted-by-the-directory";

/** A directory whose owner would like to change what claw-mesh does. */
async function plant(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const variables = [
    `CLAW_MESH_TOKEN=${planted}`,
    "CLAW_MESH_COORDINATOR=http://127.0.0.1:1",
    "NODE_OPTIONS=--no",
  ];
  for (const file of [".env", ".env.local", ".env.production"])
    await Bun.write(join(folder, file), `${variables.join("\n")}\n`);
  await Bun.write(
    join(folder, "bunfig.toml"),
    'preload = ["./evil.ts"]\n[install]\nregistry = "http://127.0.0.1:1"\n',
  );
  await Bun.write(join(folder, ".bunfig.toml"), 'preload = ["./evil.ts"]\n');
  await Bun.write(
    join(folder, "evil.ts"),
    `require("node:fs").writeFileSync(${JSON.stringify(join(folder, "evil.ran"))}, "")\n`,
  );
  await Bun.write(join(folder, "package.json"), '{"name":"evil","main":"./evil.ts"}\n');
  await Bun.write(join(folder, "tsconfig.json"), '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}\n');
}

describe("a directory in which the program is started", () => {
  test("changes nothing: no .env, no bunfig.toml, no package.json of it is read", async () => {
    await using mesh = await createTestMesh();
    const coordinator = await mesh.startCoordinator({ args: ["--local", "echo"] });
    await until("the node of this machine", async () => {
      const { body } = await coordinator.call("GET", "/api/v1/nodes");
      return body.length > 0 && body[0].status === "online";
    });
    const cwd = join(coordinator.machine.home, "evil");
    await plant(cwd);
    const sent = await coordinator.machine.cli(
      ["send", "--auto", "hello", "--json", "--coordinator", coordinator.url],
      { cwd },
    );
    expect(sent).toMatchObject({ exitCode: 0 });
    const doctor = await coordinator.machine.cli(["doctor", "--coordinator", coordinator.url], { cwd });
    expect(doctor.stdout + doctor.stderr).not.toContain(planted);
    expect(await Bun.file(join(cwd, "evil.ran")).exists()).toBeFalse();
  });

  test("does not change a coordinator that is started in it", async () => {
    await using mesh = await createTestMesh();
    const machine = await mesh.createMachine("coordinator");
    await plant(machine.cwd);
    const coordinator = await mesh.startCoordinator({ machine });
    expect(coordinator.token).not.toBe(planted);
    expect((await coordinator.call("GET", "/api/v1/nodes", undefined, { token: planted })).status).toBe(401);
    expect(await Bun.file(join(machine.cwd, "evil.ran")).exists()).toBeFalse();
  });
});
