/** The whole way of the service commands, with stand-ins for systemctl and journalctl: no systemd runs where tests do. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CliBench, createCliBench } from "../../../test/support/cli-run.ts";
import { createFakeSystemd, type FakeSystemd } from "../../../test/support/fake-systemd.ts";
import { type Clock, systemClock } from "../../platform/clock.ts";

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
    clock,
  });
};
/** Twenty times as fast as the system's: a service is looked at again after a while. */
const clock: Clock = {
  ...systemClock,
  after: (delayMs, call, options) => systemClock.after(delayMs / 20, call, options),
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

  test("does all again after a failure on the way", async () => {
    await systemd.failOn("restart", "Job failed");
    expect((await run("install", "coordinator")).exitCode).toBe(1);
    await systemd.failOn("", "");
    await systemd.calls();
    expect((await run("install", "coordinator")).stdout).toContain("changed and started again");
    expect(await systemd.calls()).toEqual(
      expect.arrayContaining([
        "systemctl --user daemon-reload",
        "systemctl --user restart claw-mesh-coordinator.service",
      ]),
    );
    expect((await run("install", "coordinator")).stdout).toContain("nothing has changed");
  });

  test.each([
    ["another process", "ActiveState=active\nSubState=running\nMainPID=813\nNRestarts=0"],
    [
      "a pause before the next start",
      "ActiveState=activating\nSubState=auto-restart\nMainPID=0\nNRestarts=1",
    ],
  ])("tells of one that ends at once and is found as %s", async (_, shown) => {
    await systemd.showThen(shown);
    const { exitCode, stderr } = await run("install", "node", "http://vps:9180", "--name", "gpu-box");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("does not stay up");
    expect(stderr).toContain("claw-mesh service logs node --name gpu-box --user");
  });

  describe("of the system", () => {
    const install = (passwd: string, ...words: readonly string[]) =>
      writeFile(join(systemd.folder, "getent"), `#!/bin/sh\necho '${passwd}'\n`, { mode: 0o755 }).then(() =>
        bench.run(["service", "install", ...words, "--system", "--run-as", "ann", "--dry-run", "--json"], {
          env: { PATH: `${systemd.folder}:/usr/bin:/bin:relative` },
        }),
      );
    const home = () => join(bench.directory, "ann");
    const me = () => `ann:x:${process.getuid?.()}:${process.getgid?.()}:Ann:${home()}:/bin/sh`;
    beforeEach(() => mkdir(home()));

    test("runs as who is named, in his home, with variables that only root may write", async () => {
      const { exitCode, stdout, stderr } = await install(me(), "node", "http://vps:9180");
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      const { file, unit } = JSON.parse(stdout);
      expect(file).toBe("/etc/systemd/system/claw-mesh-node.service");
      expect(unit).toContain("\nUser=ann\n");
      expect(unit).toContain(`\nWorkingDirectory=${home()}/.claw-mesh\n`);
      expect(unit).toContain(`\nEnvironment=PATH=${systemd.folder}:/usr/bin:/bin:${home()}/.local/bin\n`);
      expect(unit).toContain("\nEnvironmentFile=-/etc/claw-mesh/claw-mesh-node.env\n");
    });

    test("keeps the data directory of the configuration", async () => {
      const config = join(bench.directory, "mesh.yaml");
      await writeFile(config, "coordinator:\n  data_dir: /srv/mesh\n", { mode: 0o600 });
      const { stdout } = await install(me(), "coordinator", "--config", config);
      expect(JSON.parse(stdout).unit).toContain("\nWorkingDirectory=/srv/mesh\n");
    });

    test("does not run as somebody whose home is another's", async () => {
      const { exitCode, stderr } = await install(me().replace(/x:\d+/, "x:54321"), "coordinator");
      expect({ exitCode, stderr }).toEqual({
        exitCode: 2,
        stderr: expect.stringContaining("does not belong to that user"),
      });
    });
  });

  test("keeps the program of a runtime by a path that holds from everywhere", async () => {
    await run("install", "node", "http://vps:9180", "--", "--runtime-command", "./agent --fast");
    const unit = await readFile(unitFile("claw-mesh-node"), "utf8");
    expect(unit).toMatch(/--runtime-command "\/[^"]+\/agent --fast"/);
  });

  test("says where the data of the service is, not that of the caller", async () => {
    await run("install", "coordinator", "--", "--data-dir", join(bench.directory, "other"));
    const { stderr } = await run("uninstall", "coordinator");
    expect(stderr).toContain(`Data stays in ${join(bench.directory, "other")}\n`);
  });

  test("of another name is not taken for the one that is named", async () => {
    await run("install", "node", "http://vps:9180", "--name", "one");
    const { exitCode, stderr } = await run("stop", "node", "--name", "two");
    expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: expect.stringContaining("not installed") });
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
      [1, "was not written by claw-mesh", "install", "coordinator"],
      // It is not in the list of ours.
      [5, "is not installed", "uninstall", "coordinator"],
    ] as const) {
      const [code, message, ...command] = words;
      const { exitCode, stderr } = await run(...command);
      expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringContaining(message) });
    }
    expect((await run("status")).stdout).toContain("No user services");
    expect(await readFile(unitFile("claw-mesh-coordinator"), "utf8")).toContain("/bin/true");
  });

  test.each([
    [["install"], 2, ""],
    [["install", "mesh"], 2, "no kind of service"],
    [["install", "node"], 2, "which mesh"],
    [["install", "node", "http://vps:9180", "--", "--token", "abc"], 2, "readable by every user"],
    [["install", "node", "http://vps:9180", "--", "--dry-run"], 2, "belongs before the --"],
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
