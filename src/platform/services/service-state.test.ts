import { describe, expect, test } from "bun:test";
import { stat } from "node:fs/promises";
import { createManualClock } from "../../../test/support/manual-clock.ts";
import { oddService } from "../../../test/support/service-spec.ts";
import { createTempDir } from "../../../test/support/temp-dir.ts";
import { systemClock } from "../clock.ts";
import { createLaunchdManager, readLaunchdState } from "./launchd-manager.ts";
import { createServiceControl } from "./service-control.ts";
import { checkServiceProgram, findServiceUser, readPasswd } from "./service-machine.ts";
import { readSystemdState } from "./systemd-manager.ts";

describe("what systemd says of a service", () => {
  test("is read from the output of systemctl show (systemd 252)", () => {
    const stdout = [
      "Result=success",
      "NRestarts=2",
      "MainPID=812",
      "LoadState=loaded",
      "ActiveState=active",
      "SubState=running",
      "UnitFileState=enabled",
      "ActiveEnterTimestamp=Mon 2026-11-23 02:00:00 UTC",
      "",
    ].join("\n");
    expect(readSystemdState({ stdout })).toEqual({
      condition: "running",
      detail: "active (running)",
      pid: 812,
      restarts: 2,
      isEnabled: true,
      since: "Mon 2026-11-23 02:00:00 UTC",
    });
  });

  test.each([
    ["activating/auto-restart/exit-code", "starting", "activating (auto-restart, exit-code)"],
    ["failed/failed/start-limit-hit", "failed", "failed (failed, start-limit-hit)"],
    ["inactive/dead/success", "stopped", "inactive (dead)"],
    ["deactivating/stop-sigterm/success", "stopping", "deactivating (stop-sigterm)"],
  ] as const)("%s is %s", (states, condition, detail) => {
    const [active, sub, result] = states.split("/");
    const stdout = `ActiveState=${active}\nSubState=${sub}\nResult=${result}\nMainPID=0\nUnitFileState=disabled\n`;
    expect(readSystemdState({ stdout })).toMatchObject({ condition, detail, pid: null, isEnabled: false });
  });

  test("is unknown when it says nothing", () => {
    expect(readSystemdState({ stdout: "" })).toMatchObject({ condition: "unknown", isEnabled: null });
  });
});

describe("what launchd says of a service", () => {
  // Written after the format of launchctl print on macOS 14; not recorded on a Mac.
  const printed = (state: string, more: string) =>
    `gui/501/claw-mesh.node = {\n\tactive count = 1\n\tpath = /Users/ann/x.plist\n\tstate = ${state}\n${more}\tspawn type = interactive (4)\n}\n`;

  test.each([
    [printed("running", "\truns = 3\n\tpid = 812\n\tlast exit code = 0\n"), "running", 812, 2],
    [printed("not running", "\truns = 1\n\tlast exit code = 1\n"), "failed", null, 0],
    [printed("not running", "\truns = 0\n\tlast exit code = (never exited)\n"), "stopped", null, null],
  ] as const)("is read: %s", (stdout, condition, pid, restarts) => {
    expect(readLaunchdState({ exitCode: 0, stdout, stderr: "" })).toMatchObject({ condition, pid, restarts });
  });

  test("another exit code says that it is not loaded", () => {
    const state = readLaunchdState({ exitCode: 113, stdout: "", stderr: "Could not find service" });
    expect(state).toMatchObject({ condition: "stopped", detail: "not loaded" });
  });

  test("its files are known again, others are not", () => {
    const manager = createLaunchdManager({ scope: "user", home: "/Users/ann", uid: 501 });
    for (const id of [
      { role: "coordinator", node: null },
      { role: "node", node: null },
      { role: "node", node: "gpu-box" },
    ] as const) {
      const file = manager.fileOf(id);
      expect(file).toStartWith("/Users/ann/Library/LaunchAgents/claw-mesh.");
      expect(manager.idOf(file.slice(file.lastIndexOf("/") + 1))).toEqual(id);
    }
    expect(manager.idOf("com.apple.x.plist")).toBeNull();
    expect(manager.idOf("claw-mesh.lab.plist")).toBeNull();
  });

  test("what ends is waited for before it is loaded again", async () => {
    await using directory = await createTempDir();
    const clock = createManualClock();
    const said: string[] = [];
    let asked = 0;
    const control = createServiceControl({
      manager: createLaunchdManager({ scope: "user", home: directory.path, uid: 501 }),
      clock: { ...clock, after: (delayMs, call) => systemClock.after(delayMs / 100, call) },
      run: async ([, verb = ""]) => {
        said.push(verb);
        asked += verb === "print" ? 1 : 0;
        return { exitCode: verb === "print" && asked > 2 ? 113 : 0, stdout: "", stderr: "" };
      },
    });
    await control.install(oddService(), true);
    expect(said.slice(1, 8)).toEqual([
      ...["bootout", "print", "print", "print", "enable", "bootstrap", "kickstart"],
    ]);
    expect(await control.dataDirOf(oddService().id)).toBe("/home/ann/my mesh");
  });

  test("a stopped service is unloaded, as launchd would start it again", () => {
    const manager = createLaunchdManager({ scope: "user", home: "/Users/ann", uid: 501 });
    const id = { role: "node", node: null } as const;
    expect(manager.planStop(id).map(({ command }) => command)).toEqual([
      ["launchctl", "bootout", "gui/501/claw-mesh.node"],
      ["launchctl", "print", "gui/501/claw-mesh.node"],
    ]);
    expect(manager.planInstalled(id, true).map(({ command }) => command.slice(1))).toEqual([
      ["bootout", "gui/501/claw-mesh.node"],
      ["print", "gui/501/claw-mesh.node"],
      ["enable", "gui/501/claw-mesh.node"],
      ["bootstrap", "gui/501", "/Users/ann/Library/LaunchAgents/claw-mesh.node.plist"],
      ["kickstart", "gui/501/claw-mesh.node"],
    ]);
  });
});

describe("a user of this machine", () => {
  test("is found in the list of users, with his own numbers", () => {
    const passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1001:Ann:/home/ann:/bin/sh\nbad:x:1::\n";
    expect(readPasswd(passwd, "ann")).toEqual({ name: "ann", home: "/home/ann", uid: 1000, gid: 1001 });
    expect(readPasswd(passwd, "an")).toBeNull();
    expect(readPasswd(passwd, "bad")).toBeNull();
  });

  test("whose home is another's runs no service: what is made there would be that one's", async () => {
    await using directory = await createTempDir();
    const { uid } = await stat(directory.path);
    const find = (number: number) =>
      findServiceUser("ann", {
        platform: "linux",
        run: async () => ({
          exitCode: 0,
          stdout: `ann:x:${number}:7:Ann:${directory.path}:/bin/sh\n`,
          stderr: "",
        }),
      });
    expect(await find(uid)).toEqual({ name: "ann", home: directory.path, uid, gid: 7 });
    await expect(find(uid + 1)).rejects.toMatchObject({ code: "USAGE" });
  });
});

test.each(["/tmp/claw-mesh", "/var/tmp/x/claw-mesh", "/dev/shm/claw-mesh", "/opt/bun"])(
  "the program %s will not be there at the next start",
  (program) => {
    expect(() => checkServiceProgram(program)).toThrow(
      expect.objectContaining({ code: "SERVICE_UNAVAILABLE" }),
    );
    expect(() => checkServiceProgram("/opt/tmp/claw-mesh")).not.toThrow();
  },
);
