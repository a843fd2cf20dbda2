/** `doctor` on both ends of a path, with the compiled executable: each thing that can be wrong, and what it says to do. */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type NodeProcess,
  type TestMesh,
} from "../support/mesh-process.ts";

setDefaultTimeout(e2eTimeoutMs);

interface Found {
  readonly check: string;
  readonly status: string;
  readonly message: string;
  readonly remedy: string | null;
}

async function doctor(
  machine: Machine,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
) {
  const { exitCode, json, stdout, stderr } = await machine.cli(["doctor", "--json", ...args], { env });
  if (stdout === "") throw new Error(stderr);
  const { checks } = json() as { readonly checks: readonly Found[] };
  const all = (name: string) => checks.filter(({ check }) => check === name);
  return { exitCode, checks, all, of: (name: string) => all(name)[0] };
}

describe("doctor in a mesh that is well", () => {
  let mesh: TestMesh;
  let coordinator: CoordinatorProcess;
  let node: NodeProcess;
  beforeAll(async () => {
    mesh = await createTestMesh();
    coordinator = await mesh.startCoordinator();
    node = await mesh.startNode(coordinator, { name: "anna" });
  });
  afterAll(() => mesh[Symbol.asyncDispose]());

  test("on the coordinator's machine checks what a coordinator needs", async () => {
    const found = await doctor(coordinator.machine);
    expect(found.exitCode).toBe(0);
    expect(found.of("port")).toMatchObject({
      status: "ok",
      message: expect.stringContaining(coordinator.url),
    });
    for (const check of ["files", "disk", "dns", "coordinator", "link", "token", "clock"]) {
      expect(found.of(check)).toMatchObject({ check, status: "ok" });
    }
    expect(found.of("runtime")).toMatchObject({ message: "1 node ready" });
  });

  test("on a node's machine checks the way of that node, with nothing named", async () => {
    const found = await doctor(node.machine);
    expect(found.exitCode).toBe(0);
    expect(found.of("node")).toMatchObject({ status: "ok", message: expect.stringContaining('"anna"') });
    expect(found.of("coordinator")?.message).toStartWith(coordinator.url);
    expect(found.of("link")).toMatchObject({ status: "ok" });
    expect(found.of("token")).toMatchObject({
      status: "ok",
      message: 'accepted, from node "anna" of this machine',
    });
    expect(found.of("local_runtime")).toMatchObject({ message: expect.stringContaining("no AI runtime") });
    // The trial of the WebSocket has not taken the agent's place.
    expect((await coordinator.call("GET", "/api/v1/nodes")).body[0]).toMatchObject({ status: "online" });
  });

  test("tells a name that leads nowhere", async () => {
    const found = await doctor(coordinator.machine, ["--coordinator", "http://no-such-host.invalid:9180"]);
    expect(found.exitCode).toBe(1);
    expect(found.of("dns")).toMatchObject({
      status: "failed",
      remedy: expect.stringContaining("address instead of its name"),
    });
  });

  test("tells a proxy that is in the way, and how to go past it", async () => {
    const proxy = createServer((_, answer) => answer.writeHead(502).end("<html>Bad Gateway</html>"));
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as AddressInfo;
    const found = await doctor(node.machine, ["--coordinator", "http://mesh.example.com:9180"], {
      http_proxy: `http://user:hunter2-password@127.0.0.1:${port}`,
    });
    proxy.close();
    expect(found.of("proxy")).toMatchObject({ status: "warning" });
    expect(found.of("coordinator")).toMatchObject({
      status: "failed",
      remedy: expect.stringContaining("export NO_PROXY=mesh.example.com"),
    });
    expect(JSON.stringify(found.checks)).not.toContain("hunter2");
  });

  test("tells a way that lets answers through and no WebSockets", async () => {
    const way = createServer(async ({ url = "", method = "GET", headers }, answer) => {
      const { host: _, connection: __, ...kept } = headers;
      if (kept.upgrade !== undefined) return answer.writeHead(403).end();
      const { authorization = "" } = kept;
      const passed = await fetch(coordinator.url + url, { method, headers: { authorization } });
      answer.writeHead(passed.status, { "content-type": "application/json" }).end(await passed.text());
    });
    // A server without a listener for upgrades closes such connections.
    way.on("upgrade", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
    await new Promise<void>((resolve) => way.listen(0, "127.0.0.1", resolve));
    const { port } = way.address() as AddressInfo;
    const file = await nodeFile(node.machine);
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(coordinator.url, `http://127.0.0.1:${port}`));
    const found = await doctor(node.machine);
    await writeFile(file, text);
    way.close();
    expect(found.of("coordinator")).toMatchObject({ status: "ok" });
    expect(found.of("link")).toMatchObject({
      status: "warning",
      remedy: expect.stringContaining("WebSockets"),
    });
  });
});

/** The only place that the machine has in a mesh. */
async function nodeFile({ home }: Machine): Promise<string> {
  const nodes = join(home, ".claw-mesh", "nodes");
  const [meshId = ""] = await readdir(nodes);
  const [name = ""] = await readdir(join(nodes, meshId));
  return join(nodes, meshId, name, "node.json");
}

describe("doctor where something is wrong", () => {
  let mesh: TestMesh;
  beforeEach(async () => {
    mesh = await createTestMesh();
  });
  afterEach(() => mesh[Symbol.asyncDispose]());

  test("tells files that others can read, and with --fix closes them", async () => {
    const coordinator = await mesh.startCoordinator();
    const token = join(coordinator.machine.home, ".claw-mesh", "token");
    await chmod(token, 0o644);
    const found = await doctor(coordinator.machine);
    expect(found.of("files")).toMatchObject({ status: "warning", message: expect.stringContaining("(644)") });
    expect((await stat(token)).mode & 0o777).toBe(0o644);
    expect((await doctor(coordinator.machine, ["--fix"])).of("files")).toMatchObject({ status: "fixed" });
    expect((await stat(token)).mode & 0o777).toBe(0o600);
    expect((await doctor(coordinator.machine)).of("files")).toMatchObject({ status: "ok" });
  });

  test("tells a coordinator that does not run and whose port another program has", async () => {
    const coordinator = await mesh.startCoordinator();
    await coordinator.kill("SIGTERM");
    const port = ["CLAW_MESH_COORDINATOR_PORT", String(coordinator.port)] as const;
    const env = Object.fromEntries([port]);
    expect((await doctor(coordinator.machine, [], env)).of("port")).toMatchObject({
      status: "warning",
      message: expect.stringContaining("is free"),
      remedy: expect.stringContaining("claw-mesh up"),
    });
    const other = createServer((_, answer) => answer.writeHead(404).end()).listen(
      coordinator.port,
      "0.0.0.0",
    );
    await new Promise((resolve) => other.once("listening", resolve));
    const taken = await doctor(coordinator.machine, [], env);
    other.close();
    expect(taken.exitCode).toBe(1);
    expect(taken.of("port")).toMatchObject({
      message: expect.stringContaining(`another program has port ${coordinator.port}`),
      remedy: expect.stringContaining("--port"),
    });
  });

  test("tells an agent that does not run, and a node that was removed", async () => {
    const coordinator = await mesh.startCoordinator();
    const node = await mesh.startNode(coordinator, { name: "bert" });
    await node.kill("SIGKILL");
    const stopped = await doctor(node.machine);
    expect(stopped.of("node")).toMatchObject({
      status: "warning",
      remedy: `Start it with: claw-mesh join ${coordinator.url} --name bert`,
    });
    await coordinator.cli(["node", "remove", "bert"]);
    const removed = await doctor(node.machine);
    expect(removed.exitCode).toBe(1);
    // No talk of proxies: it is the token that opens nothing.
    expect(removed.of("link")).toMatchObject({ status: "skipped", remedy: null });
    expect(removed.of("token")).toMatchObject({
      status: "failed",
      remedy: expect.stringContaining("claw-mesh invite"),
    });
  });

  test("tells a damaged identity and goes on", async () => {
    const coordinator = await mesh.startCoordinator();
    const node = await mesh.startNode(coordinator, { name: "cleo" });
    await node.kill("SIGTERM");
    await writeFile(await nodeFile(node.machine), "{");
    const found = await doctor(node.machine, ["--coordinator", coordinator.url]);
    expect(found.of("node")).toMatchObject({
      status: "failed",
      message: expect.stringContaining("is damaged"),
    });
    expect(found.of("coordinator")).toMatchObject({ status: "ok" });
  });

  test("tells a coordinator with another key than the pinned one, and another mesh at its address", async () => {
    const home = await mesh.createMachine("home");
    const first = home.start(["up", "--port", "0", "--no-local", "--tls"]);
    const [, port = ""] = await first.waitForLine(/coordinator listening on :(\d+)/);
    const url = `https://127.0.0.1:${port}`;
    const { stdout } = await home.cli(["invite", "--coordinator", url, "--json"]);
    const { code } = JSON.parse(stdout) as { readonly code: string };
    const far = await mesh.createMachine("far");
    const node = far.start(["join", url, "--token", code, "--name", "far", "--no-gateway"]);
    await node.waitForLine(/registered as node node_/);
    const well = await doctor(far);
    expect(well).toMatchObject({ exitCode: 0 });
    expect(well.of("certificate")).toMatchObject({ status: "ok", message: expect.stringContaining("pin ") });
    await node.stop();
    await first.stop();
    const stranger = await mesh.createMachine("stranger");
    await stranger
      .start(["up", "--port", port, "--no-local", "--tls"])
      .waitForLine(/coordinator listening on/);
    const found = await doctor(far);
    expect(found.exitCode).toBe(1);
    expect(found.of("certificate")).toMatchObject({
      status: "failed",
      message: expect.stringContaining("another key"),
      remedy: expect.stringContaining("new invite"),
    });
    expect(found.of("coordinator")).toMatchObject({ status: "failed" });
  });
});
