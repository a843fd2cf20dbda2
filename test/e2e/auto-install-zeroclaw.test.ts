/**
 * From an empty home to an answer through the mesh: `join --auto-install` gets ZeroClaw from a release server on loopback, sets it
 * up with a provider on loopback, starts its gateway and pairs. What is in the archive is the protocol server of the tests.
 */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "../support/free-port.ts";
import {
  type CoordinatorProcess,
  createTestMesh,
  e2eTimeoutMs,
  type Machine,
  type TestMesh,
} from "../support/mesh-process.ts";
import { type FakeProvider, startFakeProvider } from "../support/openclaw/fake-provider.ts";
import { type ReleaseServer, startReleaseServer } from "../support/release-server.ts";
import { until } from "../support/until.ts";
import { createZeroclawArchive, zeroclawAsset } from "../support/zeroclaw/archive.ts";

setDefaultTimeout(e2eTimeoutMs);

const tag = "v0.8.4";
let mesh: TestMesh;
let coordinator: CoordinatorProcess;
let provider: FakeProvider;
let releases: ReleaseServer;
let archive: Uint8Array;
let newerArchive: Uint8Array;
/** Machines whose gateway may still run. */
const machines: Machine[] = [];

beforeAll(async () => {
  mesh = await createTestMesh();
  coordinator = await mesh.startCoordinator();
  provider = startFakeProvider();
  releases = await startReleaseServer();
  const folder = await mkdtemp(join(tmpdir(), "claw-mesh-archive-"));
  archive = await readFile((await createZeroclawArchive(folder, { paddingBytes: 400_000 })).path);
  newerArchive = await readFile((await createZeroclawArchive(folder, { version: "0.8.5" })).path);
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  releases.fail({});
  for (const machine of machines.splice(0)) await machine.cli(["runtime", "stop", "zeroclaw"]);
});
afterAll(async () => {
  await releases[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

const barePrograms = ["sh", "env", "uname"];

/** A machine with a shell and nothing else: no npm, no Node.js, no runtime. */
async function createBareMachine(name: string): Promise<Machine> {
  const machine = await mesh.createMachine(name, {
    CLAW_MESH_ZEROCLAW_RELEASES: releases.url,
    ZEROCLAW_gateway__port: String(await findFreePort()),
  });
  const bin = join(machine.home, "bin");
  await mkdir(bin);
  for (const program of barePrograms) await symlink(Bun.which(program) ?? program, join(bin, program));
  machines.push(machine);
  return machine;
}

const withoutNpm = (machine: Machine) => ({ PATH: join(machine.home, "bin") });

const providerFlags = () => [
  "--api-provider",
  "custom",
  "--api-base",
  provider.baseUrl,
  "--api-model",
  "fake-1",
];

function joinArgs(name: string, ...more: readonly string[]): readonly string[] {
  const target = ["join", coordinator.url, "--token", coordinator.token, "--name", name];
  return [...target, "--auto-install", ...providerFlags(), ...more];
}

describe("join --auto-install on an empty machine without npm", () => {
  test("ends in an answer through the mesh, and in the same node when it is run again", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    const machine = await createBareMachine("bare");
    const env = withoutNpm(machine);
    const node = machine.start(joinArgs("bare"), { env });
    await node.waitForLine(
      /^ZeroClaw 0\.8\.4 is installed, because there is no npm here.*; it takes messages at /,
      30_000,
    );
    await node.waitForLine(/^Joined .* runtime zeroclaw \S* ?ready/);
    const sent = await coordinator.cli(["send", "--node", "bare", "--json", "hello from an empty home"]);
    expect(JSON.parse(sent.stdout)).toMatchObject({
      node_name: "bare",
      response: "answer to: hello from an empty home",
    });
    expect((await stat(join(machine.home, ".local", "bin", "zeroclaw"))).mode & 0o777).toBe(0o755);
    expect(node.stderr()).toContain(`download ${releases.url}/${tag}/${zeroclawAsset()} to `);

    expect(await node.stop("SIGTERM")).toEqual({ code: 0, signal: null });
    const downloads = releases.downloads.length;
    const again = machine.start(joinArgs("bare"), { env });
    await again.waitForLine(/^Using ZeroClaw 0\.8\.4 at \S+: nothing was installed\./, 30_000);
    await again.waitForLine(/^It keeps the model provider that it has/);
    await again.waitForLine(/^Joined /);
    const second = await coordinator.cli(["send", "--node", "bare", "--json", "once more"]);
    expect(JSON.parse(second.stdout).response).toBe("answer to: once more");
    expect(releases.downloads).toHaveLength(downloads);
    await again.stop("SIGTERM");

    const stopped = await machine.cli(["runtime", "stop", "zeroclaw"], { env });
    expect(stopped.exitCode).toBe(0);
    const third = machine.start(joinArgs("bare"), { env });
    await third.waitForLine(
      /^Started ZeroClaw 0\.8\.4, which was installed already; it takes messages at /,
      30_000,
    );
    await third.waitForLine(/^Joined /);
    await third.stop("SIGTERM");
  });

  test("goes on where a kill -9 ended it in the middle of the download", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    releases.fail({ pauseMs: 30 });
    const machine = await createBareMachine("killed");
    const env = withoutNpm(machine);
    const first = machine.start(joinArgs("killed"), { env });
    const downloads = join(machine.home, ".claw-mesh", "runtimes", "downloads");
    const part = join(downloads, `${tag}-${zeroclawAsset()}.part`);
    for (let size = 0; size < 100_000; size = (await stat(part).catch(() => null))?.size ?? 0)
      await Bun.sleep(20);
    await first.stop("SIGKILL");
    const kept = (await stat(part)).size;
    releases.fail({});
    const seen = releases.downloads.length;
    const second = machine.start(joinArgs("killed"), { env });
    await second.waitForLine(/^Joined .* runtime zeroclaw \S* ?ready/, 30_000);
    expect(releases.downloads.slice(seen)).toMatchObject([{ range: `bytes=${kept}-` }]);
    expect(await readdir(downloads)).toEqual([]);
    await second.stop("SIGTERM");
  });

  test("goes on wherever a kill -9 ended it", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    releases.fail({ pauseMs: 2 });
    const machine = await createBareMachine("often-killed");
    const env = withoutNpm(machine);
    for (const afterMs of [80, 150, 200, 250, 300, 400, 500]) {
      const killed = machine.start(joinArgs("often-killed"), { env });
      await Bun.sleep(afterMs);
      await killed.stop("SIGKILL");
    }
    const last = machine.start(joinArgs("often-killed"), { env });
    await last.waitForLine(/^Joined /, 30_000);
    const sent = await coordinator.cli(["send", "--node", "often-killed", "--json", "after all that"]);
    expect(JSON.parse(sent.stdout).response).toBe("answer to: after all that");
    expect(await readdir(join(machine.home, ".local", "bin"))).toEqual(["zeroclaw"]);
    await last.stop("SIGTERM");
  });

  test("is done once when two do it at the same time", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    releases.fail({ pauseMs: 20 });
    const machine = await createBareMachine("twice");
    const seen = releases.downloads.length;
    const args = ["runtime", "install", "zeroclaw", ...providerFlags()];
    const both = await Promise.all([1, 2].map(() => machine.cli(args, { env: withoutNpm(machine) })));
    expect(both.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(both.map(({ stderr }) => /is installing here; waiting/.test(stderr)).sort()).toEqual([
      false,
      true,
    ]);
    expect(releases.downloads).toHaveLength(seen + 1);
  });

  test("brings a newer version, keeps the old program, and says that the old gateway still runs", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    const machine = await createBareMachine("upgraded");
    const env = withoutNpm(machine);
    const install = (...more: readonly string[]) =>
      machine.cli(["runtime", "install", "zeroclaw", ...providerFlags(), ...more], { env });
    expect((await install()).exitCode).toBe(0);
    releases.publish("v0.8.5", zeroclawAsset(), { bytes: newerArchive });
    const { stdout } = await install("--runtime-version", "0.8.5");
    expect(stdout).toMatch(
      /^ZeroClaw 0\.8\.5 is installed.*still the one from before: claw-mesh runtime stop zeroclaw/,
    );
    const bin = join(machine.home, ".local", "bin");
    const versions = ["zeroclaw", "zeroclaw.previous"].map((name) =>
      Bun.spawnSync([join(bin, name), "--version"])
        .stdout.toString()
        .trim(),
    );
    expect(versions).toEqual(["zeroclaw 0.8.5", "zeroclaw 0.8.4"]);
  });

  test("keeps the gateway alive with --supervise", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    const machine = await createBareMachine("supervised");
    const node = machine.start(joinArgs("supervised", "--supervise"), { env: withoutNpm(machine) });
    await node.waitForLine(/^Joined .* runtime zeroclaw \S* ?ready/, 30_000);
    const record = join(machine.home, ".claw-mesh", "runtimes", "zeroclaw", "gateway.json");
    const { pid } = await Bun.file(record).json();
    process.kill(pid, "SIGKILL");
    await until("another gateway", async () => {
      const text = await readFile(record, "utf8").catch(() => "{}");
      return (JSON.parse(text).pid ?? pid) !== pid;
    });
    const sent = await until("an answer", async () => {
      const { exitCode, stdout } = await coordinator.cli([
        "send",
        "--node",
        "supervised",
        "--json",
        "still there",
      ]);
      return exitCode === 0 ? JSON.parse(stdout) : null;
    });
    expect(sent.response).toBe("answer to: still there");
    await node.stop("SIGTERM");
  });

  test("prints every step and changes nothing with --dry-run", async () => {
    const machine = await createBareMachine("dry");
    const before = await tree(machine.home);
    const run = (...more: readonly string[]) =>
      machine.cli(joinArgs("dry", "--dry-run", ...more), { env: withoutNpm(machine) });
    const text = await run();
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toMatch(/ZeroClaw 0\.8\.4 would be installed, because there is no npm here/);
    for (const word of [
      "download",
      "check the SHA-256",
      "unpack",
      "put it at",
      "write",
      "start in the background",
      "wait until",
    ])
      expect(text.stdout).toMatch(new RegExp(`^  \\d\\. ${word}`, "m"));
    const json = JSON.parse((await run("--json")).stdout);
    expect(json).toMatchObject({
      dry_run: true,
      plans: [{ will: "install", runtime: "zeroclaw", needs_provider: false }],
    });
    expect(json.plans[0].steps.map((step: { do: string }) => step.do)).toEqual([
      "download",
      "verify",
      "unpack",
      "place",
      "write_config",
      "start",
      "wait_ready",
    ]);
    const start = json.plans[0].steps.find((step: { do: string }) => step.do === "start");
    expect(start.command).toEqual([join(machine.home, ".local", "bin", "zeroclaw"), "gateway", "start"]);
    expect(await tree(machine.home)).toEqual(before);
  });

  test("refuses in a dry run the state directory that a run would refuse", async () => {
    const machine = await createBareMachine("open");
    await mkdir(join(machine.home, ".claw-mesh"));
    await chmod(machine.home, 0o777);
    const env = withoutNpm(machine);
    for (const args of [joinArgs("open"), ["runtime", "install", "zeroclaw", ...providerFlags()]])
      for (const dry of [["--dry-run"], []]) {
        const { stderr } = await machine.cli([...args, ...dry, "--json"], { env });
        expect(JSON.parse(stderr)).toMatchObject({ code: "FILE_UNSAFE" });
      }
    await chmod(machine.home, 0o700);
  });

  test("brings the version that was asked for where another one is installed, in a dry run and in a run", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    releases.publish("v0.8.5", zeroclawAsset(), { bytes: newerArchive });
    const machine = await createBareMachine("versioned");
    const env = withoutNpm(machine);
    const install = ["runtime", "install", "zeroclaw", "--no-start", ...providerFlags()];
    expect(await machine.cli(install, { env })).toMatchObject({ exitCode: 0 });
    const preview = async (version: string) => {
      const args = joinArgs("versioned", "--dry-run", "--json", "--runtime-version", version);
      return JSON.parse((await machine.cli(args, { env })).stdout).plans[0];
    };
    expect(await preview("v0.8.4")).toMatchObject({ will: "start", version: "0.8.4" });
    expect(await preview("0.8.5")).toMatchObject({ will: "install", version: "0.8.5" });
    const node = machine.start(joinArgs("versioned", "--runtime-version", "0.8.5"), { env });
    await node.waitForLine(/^ZeroClaw 0\.8\.5 is installed/, 30_000);
    await node.waitForLine(/^Joined /);
    expect(await preview("0.8.4")).toMatchObject({ will: "install", version: "0.8.4" });
    await node.stop("SIGTERM");
  });

  test("names what is missing of the provider, before it downloads anything", async () => {
    const machine = await createBareMachine("keyless");
    const seen = releases.downloads.length;
    const args = ["join", coordinator.url, "--token", coordinator.token, "--auto-install"];
    const bare = await machine.cli(args, { env: withoutNpm(machine) });
    expect(bare).toMatchObject({ exitCode: 2 });
    expect(bare.stderr).toContain("--api-provider anthropic, openai or custom");
    const keyless = await machine.cli([...args, "--api-provider", "anthropic"], { env: withoutNpm(machine) });
    expect(keyless.stderr).toContain("--api-key-file, or set CLAW_MESH_API_KEY or ANTHROPIC_API_KEY");
    expect(releases.downloads).toHaveLength(seen);
  });

  test("shows no key in what it prints, in its command lines and in its plan", async () => {
    releases.publish(tag, zeroclawAsset(), { bytes: archive });
    const machine = await createBareMachine("keyed");
    const key = "a-key-that-nobody-may-see";
    const env = { ...withoutNpm(machine), CLAW_MESH_API_KEY: key };
    const dry = await machine.cli(joinArgs("keyed", "--dry-run", "--json"), { env });
    const node = machine.start(joinArgs("keyed"), { env });
    await node.waitForLine(/^Joined .* runtime zeroclaw \S* ?ready/, 30_000);
    const commands = Bun.spawnSync(["ps", "-A", "-o", "args="]).stdout.toString();
    const log = join(machine.home, ".claw-mesh", "runtimes", "zeroclaw", "gateway.log");
    const logged = await readFile(log, "utf8");
    for (const text of [dry.stdout, dry.stderr, node.stdout(), node.stderr(), commands, logged])
      expect(text).not.toContain(key);
    const config = join(machine.home, ".zeroclaw", "config.toml");
    expect(await readFile(config, "utf8")).toContain(key);
    expect((await stat(config)).mode & 0o777).toBe(0o600);
    await node.stop("SIGTERM");
  });
});

test("npm puts what is for all users there with the umask of the shell, and the rest with ours", async () => {
  const machine = await mesh.createMachine("shared-prefix");
  const bin = join(machine.home, "bin");
  await mkdir(bin);
  const tell = `umask >> '${machine.home}/umask-of-'"$1"`;
  const view = `{"version":"9.9.9","dist.integrity":"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="}`;
  const npm = `case "$1" in
    --version) echo 11.19.1 ;;
    prefix) echo '${machine.home}/npm' ;;
    view) echo '${view}' ;;
    pack) ${tell}; : > "$6/packed.tgz" ;;
    install) ${tell} ;;
  esac`;
  for (const [name, body] of [
    ["npm", npm],
    ["node", "echo v24.16.0"],
  ] as const)
    await writeFile(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const args = ["runtime", "install", "openclaw", "--no-start", "--runtime-version", "9.9.9"];
  const env = { PATH: `${bin}:/usr/bin:/bin`, npm_config_prefix: join(machine.home, "npm") };
  const { stderr } = await machine.cli([...args, ...providerFlags(), "--json"], { env });
  expect(JSON.parse(stderr)).toMatchObject({ error: expect.stringContaining("npm said that it installed") });
  const umask = async (command: string) =>
    Number.parseInt(await readFile(join(machine.home, `umask-of-${command}`), "utf8"), 8);
  expect(await umask("install")).toBe(process.umask());
  expect(await umask("pack")).toBe(0o077);
});

async function tree(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
