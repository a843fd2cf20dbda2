/** The whole way of the service commands, with stand-ins for systemctl and journalctl: no systemd runs where tests do. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench } from "../../../test/support/cli-run.ts";
import { createFakeSystemd, type FakeSystemd } from "../../../test/support/fake-systemd.ts";

let bench: CliBench;
let systemd: FakeSystemd;
beforeEach(async () => {
  bench = await createCliBench();
  systemd = await createFakeSystemd(bench.directory);
});
afterEach(() => bench[Symbol.asyncDispose]());

const run = (...args: readonly string[]) => {
  const [verb = "", ...words] = args;
  // As root the default would be the system's own units.
  const at = words.indexOf("--");
  const before = at < 0 ? words : words.slice(0, at);
  const behind = at < 0 ? [] : words.slice(at);
  return bench.run(["service", verb, ...before, "--user", ...behind], {
    env: { PATH: `${systemd.folder}:/usr/bin:/bin`, HOME: bench.directory },
  });
};
const unitFile = (name: string) => join(bench.directory, ".config", "systemd", "user", `${name}.service`);
const dataDir = () => join(bench.directory, ".claw-mesh");
const secret = "inv_0123456789abcdef0123456789abcdef";

describe.skipIf(process.platform !== "linux")("claw-mesh service", () => {
  test("installs a node: unit, token in a file of its own, commands in their order", async () => {
    const { exitCode, stdout, stderr } = await run(
      ...[
        "install",
        "node",
        "http://vps:9180",
        "--name",
        "gpu-box",
        "--token",
        secret,
        "--",
        "--tags",
        "gpu",
      ],
    );
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stdout).toContain("Service claw-mesh-node-gpu-box installed: ");
    expect(stdout).toContain("claw-mesh-node-gpu-box: running, process 812, starts by itself");
    expect(await systemd.calls()).toEqual([
      "systemctl --user is-system-running",
      "systemctl --user is-system-running",
      "systemctl --user daemon-reload",
      "systemctl --user enable claw-mesh-node-gpu-box.service",
      "systemctl --user reset-failed claw-mesh-node-gpu-box.service",
      "systemctl --user restart claw-mesh-node-gpu-box.service",
      expect.stringContaining("systemctl --user show claw-mesh-node-gpu-box.service"),
    ]);
    const unit = await readFile(unitFile("claw-mesh-node-gpu-box"), "utf8");
    const tokenFile = join(dataDir(), "services", "claw-mesh-node-gpu-box.token");
    expect(unit).toContain(
      `ExecStart=/opt/claw-mesh/bin/claw-mesh join http://vps:9180 --data-dir ${dataDir()} --token-file ${tokenFile} --name gpu-box --tags gpu\n`,
    );
    expect(await readFile(tokenFile, "utf8")).toBe(`${secret}\n`);
    for (const [path, mode] of [
      [tokenFile, 0o600],
      [join(dataDir(), "services"), 0o700],
      [dataDir(), 0o700],
    ] as const) {
      expect({ path, mode: (await stat(path)).mode & 0o777 }).toEqual({ path, mode });
    }
    for (const text of [unit, stdout, stderr]) expect(text).not.toContain(secret);
  });

  test("finds nothing to do the second time, and starts again with what is different", async () => {
    const words = ["install", "coordinator", "--", "--tls"];
    await run(...words);
    await systemd.calls();
    expect((await run(...words)).stdout).toContain("nothing has changed");
    const calls = await systemd.calls();
    expect(calls).toContain("systemctl --user start claw-mesh-coordinator.service");
    expect(calls.join()).not.toMatch(/restart|daemon-reload/);
    expect((await run(...words, "--port", "9280")).stdout).toContain("changed and started again");
    expect(await systemd.calls()).toContain("systemctl --user restart claw-mesh-coordinator.service");
  });

  test("starts again with a new token, and keeps the old one when none is given", async () => {
    const words = ["install", "node", "http://vps:9180"];
    await run(...words, "--token", secret);
    await systemd.calls();
    expect((await run(...words)).stdout).toContain("nothing has changed");
    expect((await run(...words, "--token", `${secret}0`)).stdout).toContain("changed and started again");
  });

  test("stops, starts, shows and removes a service, and leaves its data", async () => {
    await run("install", "node", "http://vps:9180", "--name", "gpu-box", "--token", secret);
    await systemd.calls();
    expect((await run("stop")).stdout).toBe("claw-mesh-node-gpu-box: stopped, starts by itself\n");
    const stopped = await run("status", "node", "--json");
    expect(stopped.exitCode).toBe(1);
    expect(JSON.parse(stopped.stdout)).toMatchObject({
      manager: "systemd",
      services: [
        { service: "claw-mesh-node-gpu-box", role: "node", node: "gpu-box", scope: "user", state: "stopped" },
      ],
    });
    expect((await run("start", "node")).exitCode).toBe(0);
    expect((await run("status")).exitCode).toBe(0);
    expect((await run("logs", "node", "--lines", "5")).stdout).toContain("a line of the journal");
    expect(await systemd.calls()).toContain(
      "journalctl --user --unit=claw-mesh-node-gpu-box.service --lines=5 --no-pager --output=short-iso",
    );
    expect((await run("uninstall", "node", "--name", "gpu-box")).exitCode).toBe(0);
    expect(await systemd.calls()).toEqual([
      "systemctl --user is-system-running",
      "systemctl --user disable --now claw-mesh-node-gpu-box.service",
      "systemctl --user daemon-reload",
      "systemctl --user reset-failed claw-mesh-node-gpu-box.service",
    ]);
    expect(await Bun.file(unitFile("claw-mesh-node-gpu-box")).exists()).toBe(false);
    expect(await Bun.file(join(dataDir(), "services", "claw-mesh-node-gpu-box.token")).exists()).toBe(true);
    expect((await run("status")).stdout).toBe("No user services are installed.\n");
  });

  test("asks which one when there are several", async () => {
    await run("install", "coordinator");
    await run("install", "node", "http://vps:9180");
    const { exitCode, stderr } = await run("stop");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("several services are installed: claw-mesh-coordinator, claw-mesh-node");
    expect(JSON.parse((await run("status", "--json")).stdout).services).toHaveLength(2);
  });

  test("says on a machine without systemd what else there is, and has written nothing", async () => {
    await systemd.setCondition("offline");
    const { exitCode, stderr } = await run("install", "coordinator", "--token", secret);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("systemd does not manage user services on this machine");
    expect(stderr).toContain("--dry-run prints the unit");
    expect(await Bun.file(unitFile("claw-mesh-coordinator")).exists()).toBe(false);
    expect(await Bun.file(join(dataDir(), "services", "claw-mesh-coordinator.token")).exists()).toBe(false);
  });

  test("shows with --dry-run what would be done, without the token, and runs nothing", async () => {
    const { exitCode, stdout } = await run(
      ...["install", "node", "http://vps:9180", "--token", secret, "--dry-run", "--json"],
    );
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain(secret);
    const shown = JSON.parse(stdout);
    expect(shown).toMatchObject({ dry_run: true, file: unitFile("claw-mesh-node") });
    expect(shown.commands.map((command: readonly string[]) => command[2])).toEqual([
      "daemon-reload",
      "enable",
      "reset-failed",
      "restart",
    ]);
    expect(await systemd.calls()).toEqual([]);
    expect(await Bun.file(unitFile("claw-mesh-node")).exists()).toBe(false);
  });

  test("of the system runs as who is named, in his home", async () => {
    const { exitCode, stdout, stderr } = await bench.run(
      [
        "service",
        "install",
        "node",
        "http://vps:9180",
        "--system",
        "--run-as",
        "daemon",
        "--dry-run",
        "--json",
      ],
      { env: { PATH: "/usr/bin:relative" } },
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const home = (await readFile("/etc/passwd", "utf8")).match(/^daemon:.*:(\/[^:]*):[^:]*$/m)?.[1];
    const { file, unit } = JSON.parse(stdout);
    expect(file).toBe("/etc/systemd/system/claw-mesh-node.service");
    expect(unit).toContain("\nUser=daemon\n");
    expect(unit).toContain(`\nWorkingDirectory=${home}/.claw-mesh\n`);
    expect(unit).toContain(`\nEnvironment=PATH=/usr/bin:${home}/.local/bin\n`);
  });

  test("passes on what systemctl says when it fails", async () => {
    await systemd.failOn("enable", "Failed to enable unit: Refusing to operate");
    const { exitCode, stderr } = await run("install", "coordinator");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Failed to enable unit: Refusing to operate");
  });

  test("leaves a unit of somebody else alone", async () => {
    await run("install", "coordinator");
    await writeFile(unitFile("claw-mesh-coordinator"), "[Service]\nExecStart=/bin/true\n");
    for (const words of [
      ["install", "coordinator"],
      ["uninstall", "coordinator"],
    ] as const) {
      const { exitCode, stderr } = await run(...words);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("was not written by claw-mesh");
    }
  });

  test.each([
    [["install"], 2, ""],
    [["install", "mesh"], 2, "no kind of service"],
    [["install", "node"], 2, "which mesh"],
    [["install", "node", "http://vps:9180", "--", "--token", "abc"], 2, "readable by every user"],
    [["install", "coordinator", "--name", "x"], 2, "no --name"],
    [["install", "coordinator", "--run-as", "ann"], 2, "services of the system"],
    [["install", "node", "http://vps:9180", "--name", "a b"], 2, "cannot be named after"],
    [["install", "coordinator", "--system"], 2, "choose one of"],
    [["stop"], 5, "No user services"],
    [["logs", "node"], 5, "not installed"],
    [["status", "node"], 5, "not installed"],
  ])("%j ends with exit code %d", async (words, code, message) => {
    const { exitCode, stderr } = await run(...words);
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringContaining(message) });
  });
});
