import { describe, expect, test } from "bun:test";
import { oddService } from "../../../test/support/service-spec.ts";
import { errorCatalogue } from "../../protocol/errors.ts";
import { launchdLabel, renderLaunchdPlist } from "./launchd-plist.ts";
import { parseServiceName, serviceName } from "./service-id.ts";
import { renderSystemdUnit } from "./systemd-unit.ts";

const lineOf = (unit: string, key: string) =>
  unit
    .split("\n")
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));

describe("a systemd unit", () => {
  test("quotes every word, and doubles what systemd would replace", () => {
    const unit = renderSystemdUnit(oddService());
    expect(lineOf(unit, "ExecStart")).toEqual([
      String.raw`"/opt/claw mesh/100%% <claw>/claw-mesh" join http://vps:9180 --tags "a b,$$HOME,%%h" "--name=\"x\"" "it's" "back\\slash" "" "<&>" ";"`,
    ]);
    expect(lineOf(unit, "Environment")).toEqual(['"PATH=/usr/bin:/home/ann/my bin"']);
    expect(lineOf(unit, "WorkingDirectory")).toEqual(["/home/ann/my mesh"]);
  });

  test("lets the agent stop its gateways, and waits longer than it needs", () => {
    const unit = renderSystemdUnit(oddService());
    expect(lineOf(unit, "KillMode")).toEqual(["mixed"]);
    // 30 s for runs, 330 s for a gateway that finishes its work, 10 s until it is gone after SIGKILL.
    expect(Number(lineOf(unit, "TimeoutStopSec")[0])).toBeGreaterThan(30 + 330 + 10);
    // What a runtime starts may be killed for its size; the agent goes on.
    expect(lineOf(unit, "OOMPolicy")).toEqual(["continue"]);
    expect(lineOf(unit, "UMask")).toEqual(["0077"]);
  });

  test("brings back what failed, and not what was drained, removed, or refused", () => {
    const unit = renderSystemdUnit(oddService());
    // A drain ends with 0.
    expect(lineOf(unit, "Restart")).toEqual(["on-failure"]);
    const final = (lineOf(unit, "RestartPreventExitStatus")[0] ?? "").split(" ").map(Number);
    for (const code of ["USAGE", "TOKEN_INVALID", "INVITE_INVALID", "NODE_NOT_FOUND"] as const) {
      expect(final).toContain(errorCatalogue[code].exit);
    }
    for (const code of ["COORDINATOR_UNREACHABLE", "INTERNAL"] as const) {
      expect(final).not.toContain(errorCatalogue[code].exit);
    }
  });

  test("names the file of variables and no pattern of others", () => {
    const unit = renderSystemdUnit(oddService({ environmentFile: "/srv/a*[b]?/100%/x.env" }));
    expect(lineOf(unit, "EnvironmentFile")).toEqual([String.raw`-/srv/a\*\[b\]\?/100%%/x.env`]);
  });

  test("leaves a data directory in a temporary folder in sight", () => {
    const id = { role: "coordinator", node: null } as const;
    const sealed = { scope: "system", id, isSealed: true } as const;
    expect(renderSystemdUnit(oddService({ ...sealed, dataDir: "/tmp/mesh" }))).not.toContain("PrivateTmp");
    expect(renderSystemdUnit(oddService({ ...sealed, dataDir: "/tmpfiles/mesh" }))).toContain("PrivateTmp");
  });

  test("of a user waits for no target that his manager does not have", () => {
    const unit = renderSystemdUnit(oddService());
    expect(unit).not.toContain("network-online");
    expect(lineOf(unit, "WantedBy")).toEqual(["default.target"]);
    expect(renderSystemdUnit(oddService({ scope: "system" }))).toContain("After=network-online.target");
  });

  test("takes nothing from a node, and all but its data from a coordinator without one", () => {
    const node = renderSystemdUnit(oddService({ scope: "system" }));
    expect(node).not.toMatch(/^(Protect|Private|Restrict|NoNew)/m);
    const id = { role: "coordinator", node: null } as const;
    const mixed = renderSystemdUnit(oddService({ scope: "system", id }));
    expect(mixed).not.toMatch(/^(Protect|Private|Restrict|NoNew)/m);
    const sealed = renderSystemdUnit(oddService({ scope: "system", id, isSealed: true }));
    expect(lineOf(sealed, "ProtectSystem")).toEqual(["strict"]);
    expect(lineOf(sealed, "ReadWritePaths")).toEqual(['"/home/ann/my mesh"']);
    expect(lineOf(sealed, "NoNewPrivileges")).toEqual(["yes"]);
  });

  test.each([
    ["a line break in an argument", oddService({ args: ["join", "a\nExecStartPre=/bin/rm"] })],
    ["a carriage return in the program", oddService({ program: "/opt/a\rb/claw-mesh" })],
    ["a NUL", oddService({ args: ["a\0b"] })],
    ["a line break in the data directory", oddService({ dataDir: "/home/a\nb" })],
    ["a data directory whose end would make the line go on", oddService({ dataDir: "/home/a\\" })],
    ["a line break in PATH", oddService({ searchPath: "/usr/bin:/a\nUser=root" })],
  ])("is refused with %s", (_, spec) => {
    expect(() => renderSystemdUnit(spec)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });
});

describe("a property list of launchd", () => {
  test("is XML that holds every text as it is", () => {
    expect(renderLaunchdPlist(oddService())).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by: claw-mesh service install -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>claw-mesh.node.gpu-box</string>
  <key>ProgramArguments</key>
  <array>
    <string>/opt/claw mesh/100% &lt;claw&gt;/claw-mesh</string>
    <string>join</string>
    <string>http://vps:9180</string>
    <string>--tags</string>
    <string>a b,$HOME,%h</string>
    <string>--name="x"</string>
    <string>it's</string>
    <string>back\\slash</string>
    <string></string>
    <string>&lt;&amp;&gt;</string>
    <string>;</string>
  </array>
  <key>WorkingDirectory</key>
  <string>/home/ann/my mesh</string>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>/usr/bin:/home/ann/my bin</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>375</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>SoftResourceLimits</key>
  <dict>
    <key>NumberOfFiles</key>
    <integer>65536</integer>
  </dict>
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>StandardOutPath</key>
  <string>/home/ann/my mesh/services/claw-mesh-node-gpu-box.log</string>
  <key>StandardErrorPath</key>
  <string>/home/ann/my mesh/services/claw-mesh-node-gpu-box.log</string>
</dict>
</plist>
`);
  });

  test("of the system names its user and his home", () => {
    const text = renderLaunchdPlist(
      oddService({ scope: "system", runAs: { name: "ann", home: "/Users/ann" }, searchPath: null }),
    );
    expect(text).toContain("<key>UserName</key>\n  <string>ann</string>");
    expect(text).toContain("<key>HOME</key>\n    <string>/Users/ann</string>");
  });

  test("is refused with a control character", () => {
    expect(() => renderLaunchdPlist(oddService({ args: ["a\u0007b"] }))).toThrow(
      expect.objectContaining({ code: "USAGE" }),
    );
  });
});

describe("the name of a service", () => {
  test.each([
    [{ role: "coordinator", node: null }, "claw-mesh-coordinator", "claw-mesh.coordinator"],
    [{ role: "node", node: null }, "claw-mesh-node", "claw-mesh.node"],
    [{ role: "node", node: "gpu.box-2" }, "claw-mesh-node-gpu.box-2", "claw-mesh.node.gpu.box-2"],
  ] as const)("of %j is %s", (id, unit, label) => {
    expect(serviceName(id)).toBe(unit);
    expect(launchdLabel(id)).toBe(label);
    expect(parseServiceName(unit)).toEqual(id);
  });

  test("is nothing that needs quoting, and no path", () => {
    for (const node of ["a b", "../x", "a/b", "a@b", "-x", ""]) {
      expect(() => serviceName({ role: "node", node })).toThrow(expect.objectContaining({ code: "USAGE" }));
    }
    for (const name of ["sshd", "claw-mesh-node-", "claw-mesh-lab", "claw-mesh-node-a b"]) {
      expect(parseServiceName(name)).toBeNull();
    }
  });
});
