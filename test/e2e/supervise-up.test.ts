/** `up` with `node.supervise`: the node of the coordinator's machine keeps its gateway alive. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readProcessStart } from "../../src/platform/process-identity.ts";
import { createTestMesh, e2eTimeoutMs, type Machine } from "../support/mesh-process.ts";
import { createZeroclawHome } from "../support/zeroclaw/home.ts";

setDefaultTimeout(e2eTimeoutMs);

const token = "t".repeat(32);

async function startUp(machine: Machine, args: readonly string[] = []) {
  const program = machine.start(["up", "--port", "0", "--token", token, ...args]);
  const port = (await program.waitForLine(/listening on :(\d+)/))[1];
  await program.waitForLine(/registered as node node_/);
  const send = (content: string) =>
    fetch(`http://127.0.0.1:${port}/api/v1/route`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ content, source: "test" }),
    });
  return { program, send };
}

test("ends the gateway when it ends, though a run is under way", async () => {
  const asked = Promise.withResolvers<void>();
  await using mesh = await createTestMesh();
  await using zeroclaw = await createZeroclawHome();
  const provider = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 255,
    fetch: async ({ url }) => {
      if (url.endsWith("/models")) return Response.json({ data: [{ id: "m" }] });
      asked.resolve();
      return await new Promise<Response>(() => {});
    },
  });
  try {
    await zeroclaw.setUp(`http://127.0.0.1:${provider.port}/v1`);
    const machine = await mesh.createMachine("up", zeroclaw.env);
    await Bun.write(join(machine.cwd, "claw-mesh.yaml"), "node: { runtime: zeroclaw, supervise: true }\n");
    const { program, send } = await startUp(machine);
    const stateFile = join(zeroclaw.dataDir, "runtimes", "zeroclaw", "gateway.json");
    const { pid } = JSON.parse(await readFile(stateFile, "utf8"));
    expect(readProcessStart(pid)).not.toBeNull();
    const answer = send("hold").catch(() => null);
    await asked.promise;
    await program.stop("SIGTERM");
    await answer;
    expect(readProcessStart(pid)).toBeNull();
  } finally {
    await provider.stop(true);
  }
});

test("has a node all the same where its runtime is none that is kept alive", async () => {
  await using mesh = await createTestMesh();
  const machine = await mesh.createMachine("up");
  await Bun.write(join(machine.cwd, "claw-mesh.yaml"), "node: { supervise: true }\n");
  const { program, send } = await startUp(machine, ["--local", "echo"]);
  expect((await send("hello")).status).toBe(200);
  expect(program.stderr()).toContain("no runtime of this node is kept alive");
  await program.stop("SIGTERM");
});
