/** TLS as a user meets it: the compiled executable, machines with a home of their own, the join line as it is printed. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTestMesh, e2eTimeoutMs, type Machine, type TestMesh } from "../../support/mesh-process.ts";
import { createAuthority, createLeaf, startHostileServer } from "./tls-world.ts";

setDefaultTimeout(e2eTimeoutMs);

let mesh: TestMesh;
beforeEach(async () => {
  mesh = await createTestMesh();
});
afterEach(() => mesh[Symbol.asyncDispose]());

async function up(machine: Machine, ...args: readonly string[]) {
  const program = machine.start(["up", "--port", "0", "--no-local", ...args]);
  const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/);
  return { program, port: Number(port), url: `https://127.0.0.1:${port}` };
}

/** The one line that is printed for the other machine, on the address of loopback, as words. */
async function joinLine(machine: Machine, url: string): Promise<readonly string[]> {
  const { stdout } = await machine.cli(["invite", "--coordinator", url]);
  const [, line = ""] = /^\s+claw-mesh (join .+)$/m.exec(stdout) ?? [];
  return line.split(" ").map((word) => (word.startsWith("https://") ? url : word));
}

describe("a mesh over TLS of real processes", () => {
  test("up --tls, the printed line, send, a restart of the coordinator, a restart of the node", async () => {
    const home = await mesh.createMachine("home");
    const far = await mesh.createMachine("far");
    const first = await up(home, "--tls");
    const line = await joinLine(home, first.url);
    const node = far.start([...line, "--name", "far", "--no-gateway"]);
    await node.waitForLine(/registered as node node_/);
    const sent = await home.cli(["send", "--auto", "hello", "--coordinator", first.url]);
    expect(sent.stderr).toBe("");
    expect(sent.stdout).toContain("hello");

    await first.program.stop();
    const again = home.start(["up", "--port", String(first.port), "--no-local", "--tls"]);
    await again.waitForLine(/coordinator listening/);
    await node.waitForLine(/re-registered as node/);

    await node.stop();
    const back = far.start(["join", first.url, "--name", "far", "--no-gateway"]);
    await back.waitForLine(/registered as node node_/);
    // Neither says a word of plain HTTP, nor shows a key or the pin's secret half.
    expect(first.program.stderr() + back.stderr()).not.toContain("plain HTTP");
    expect(first.program.stderr()).not.toContain("PRIVATE KEY");
  });

  test("commands beside up --tls speak TLS unasked, and plain HTTP when it is switched off again", async () => {
    const home = await mesh.createMachine("home");
    const { program, port, url } = await up(home, "--tls");
    await writeFile(join(home.home, ".claw-mesh", "claw-mesh.yaml"), `coordinator:\n  port: ${port}\n`);
    const status = await home.cli(["status"]);
    expect([status.exitCode, status.stderr]).toEqual([0, ""]);
    expect(status.stdout).toContain(url);

    await program.stop();
    await home.start(["up", "--no-local"]).waitForLine(/coordinator listening/);
    expect((await home.cli(["status"])).stdout).toContain(`http://127.0.0.1:${port}`);
  });

  test("the pin of another mesh ends the join with its own exit code, and nothing is heard by the other", async () => {
    const home = await mesh.createMachine("home");
    const far = await mesh.createMachine("far");
    const { url } = await up(home, "--tls");
    const line = await joinLine(home, url);
    const authority = await createAuthority();
    const names = ["coordinator.claw-mesh.internal", "127.0.0.1"];
    await using hostile = await startHostileServer(await createLeaf(authority, names), [
      authority.certificate,
    ]);
    const words = line.map((word) => (word === url ? hostile.url : word));
    const joined = await far.cli([...words, "--name", "far", "--no-gateway", "--json"]);
    expect(joined.exitCode).toBe(4);
    expect(joined.stderr).toContain("TLS_PIN_MISMATCH");
    expect(hostile.heard()).toBe(0);
  });

  test("files of keys are for their owner alone, in a folder that is, too", async () => {
    const home = await mesh.createMachine("home");
    await up(home, "--tls");
    const folder = join(home.home, ".claw-mesh", "tls");
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const files = await readdir(folder);
    expect(files.sort()).toEqual(["ca.key", "ca.pem", "cert.key", "cert.pem"]);
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
  });

  test("a link in the place of a key is refused", async () => {
    const home = await mesh.createMachine("home");
    const { program } = await up(home, "--tls");
    await program.stop();
    const key = join(home.home, ".claw-mesh", "tls", "ca.key");
    await rename(key, join(home.home, "ca.key"));
    await symlink(join(home.home, "ca.key"), key);
    const started = await home.cli(["up", "--tls", "--port", "0", "--no-local", "--json"]);
    expect(started.exitCode).toBe(1);
    expect(started.stderr).toContain("FILE_UNSAFE");
  });

  test("without the key of its authority the coordinator does not start, and makes no other", async () => {
    const home = await mesh.createMachine("home");
    const { program } = await up(home, "--tls");
    await program.stop();
    const folder = join(home.home, ".claw-mesh", "tls");
    const before = await readFile(join(folder, "ca.pem"), "utf8");
    await rm(join(folder, "ca.key"));
    const started = await home.cli(["up", "--tls", "--port", "0", "--no-local", "--json"]);
    expect(started.exitCode).toBe(2);
    expect(started.stderr).toContain("TLS_INVALID");
    expect(await readFile(join(folder, "ca.pem"), "utf8")).toBe(before);
  });
});

describe("commands", () => {
  test("init --tls: up and every command of the machine need no flag", async () => {
    const home = await mesh.createMachine("home");
    expect((await home.cli(["init", "--tls"])).exitCode).toBe(0);
    const file = join(home.cwd, "claw-mesh.yaml");
    const yaml = await readFile(file, "utf8");
    expect(yaml).toContain("tls:\n  enabled: true");
    const { port, program } = await up(home);
    await program.stop();
    await writeFile(file, yaml.replace("port: 9180", `port: ${port}`));
    await home.start(["up", "--no-local"]).waitForLine(/coordinator listening/);
    const status = await home.cli(["status"]);
    expect(status.stdout).toContain(`https://127.0.0.1:${port}`);
    expect(status.exitCode).toBe(0);
  });

  test("another machine trusts the file of --ca, or of its variable, and nobody without", async () => {
    const home = await mesh.createMachine("home");
    const far = await mesh.createMachine("far");
    const { url } = await up(home, "--tls");
    const token = (await readFile(join(home.home, ".claw-mesh", "token"), "utf8")).trim();
    const ask = ["status", "--coordinator", url, "--token", token];
    const ca = join(home.home, ".claw-mesh", "tls", "ca.pem");
    expect((await far.cli([...ask, "--ca", ca])).exitCode).toBe(0);
    const words = ["join", url, "--ca", ca, "--token", token, "--name", "far", "--no-gateway"];
    const node = far.start(words);
    await node.waitForLine(/registered as node node_/);
    await node.stop();
    expect((await far.cli(ask, { env: { CLAW_MESH_TLS_CA_FILE: ca } })).exitCode).toBe(0);
    const without = await far.cli([...ask, "--json"]);
    expect(without.exitCode).toBe(3);
    expect(without.stderr).toContain("TLS_NOT_TRUSTED");
    const wrong = join(far.home, "wrong.pem");
    await writeFile(wrong, (await createAuthority()).certificate);
    expect((await far.cli([...ask, "--ca", wrong, "--json"])).stderr).toContain("TLS_NOT_TRUSTED");
    await writeFile(wrong, "no certificate");
    expect((await far.cli([...ask, "--ca", wrong, "--json"])).stderr).toContain("TLS_NOT_TRUSTED");
  });

  test("doctor shows whose certificate it is, until when, and the pin of the invites", async () => {
    const home = await mesh.createMachine("home");
    const { url } = await up(home, "--tls");
    const line = await joinLine(home, url);
    const [, pin = "none"] = /\.([\w-]{43})$/.exec(line.at(-1) ?? "") ?? [];
    const { checks } = (await home.cli(["doctor", "--coordinator", url, "--json"])).json();
    const { status, message } = checks.find(({ check }: { check: string }) => check === "certificate");
    expect(status).toBe("ok");
    expect(message).toContain(pin);
    expect(message).toContain("claw-mesh authority");
  });

  test("--cert without --key is told before anything starts", async () => {
    const home = await mesh.createMachine("home");
    const started = await home.cli(["up", "--port", "0", "--cert", "x.pem", "--json"]);
    expect(started.exitCode).toBe(2);
    expect(started.stderr).toContain("CONFIG_INVALID");
  });

  test("a certificate of one's own is served, and trusted by the commands beside it", async () => {
    const home = await mesh.createMachine("home");
    const authority = await createAuthority("CN=the company");
    const leaf = await createLeaf(authority, ["localhost", "127.0.0.1"]);
    await writeFile(join(home.cwd, "cert.pem"), leaf.certificate + authority.certificate);
    await writeFile(join(home.cwd, "key.pem"), leaf.key, { mode: 0o600 });
    const program = home.start([
      "up",
      "--port",
      "0",
      "--local",
      "echo",
      "--cert",
      "cert.pem",
      "--key",
      "key.pem",
    ]);
    const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/);
    await program.waitForLine(/registered as node node_/);
    await writeFile(join(home.cwd, "ca.pem"), authority.certificate);
    const url = `https://localhost:${port}`;
    expect((await home.cli(["status", "--coordinator", url, "--ca", "ca.pem"])).exitCode).toBe(0);
  });
});

describe("plain HTTP", () => {
  test("beyond this machine is warned of once, with the remedy", async () => {
    const home = await mesh.createMachine("home");
    const { program } = await up(home);
    await program.waitForLine(/plain HTTP/);
    const lines = program.stderr().split("\n");
    expect(lines.filter((line) => line.includes("plain HTTP"))).toHaveLength(1);
    expect(program.stderr()).toContain("--tls");
  });

  test("on loopback is not", async () => {
    const home = await mesh.createMachine("home");
    const far = await mesh.createMachine("far");
    const { program, port } = await up(home, "--host", "127.0.0.1");
    const token = (await readFile(join(home.home, ".claw-mesh", "token"), "utf8")).trim();
    const node = far.start(["join", `http://127.0.0.1:${port}`, "--token", token, "--no-gateway"]);
    await node.waitForLine(/registered as node/);
    expect(program.stderr() + node.stderr()).not.toContain("plain HTTP");
  });

  test("to a port with TLS is explained to whoever joins", async () => {
    const home = await mesh.createMachine("home");
    const far = await mesh.createMachine("far");
    const { port } = await up(home, "--tls");
    const node = far.start(["join", `http://127.0.0.1:${port}`, "--token", "t", "--no-gateway"]);
    await node.waitForLine(/not reached.*https:\/\//);
  });

  test("to another machine is warned of by join", async () => {
    const far = await mesh.createMachine("far");
    const node = far.start(["join", "http://192.0.2.1:9180", "--token", "t", "--no-gateway"]);
    await node.waitForLine(/plain HTTP/);
    expect(node.stderr()).toContain("up --tls");
  });
});
