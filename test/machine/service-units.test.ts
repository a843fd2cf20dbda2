/** Units as systemd itself reads them: its checker knows every setting, every unit it names, and how words are quoted. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { renderLaunchdPlist } from "../../src/platform/services/launchd-plist.ts";
import { serviceName } from "../../src/platform/services/service-id.ts";
import type { ServiceSpec } from "../../src/platform/services/service-spec.ts";
import { renderSystemdUnit } from "../../src/platform/services/systemd-unit.ts";
import { isToolReady } from "../fault/test-tool.ts";
import { oddService } from "../support/service-spec.ts";
import { createTempDir } from "../support/temp-dir.ts";

const isReady = isToolReady("systemd-analyze", ["systemd-analyze", "--version"]);

/** The program has to be there, as the checker looks for it. */
async function verify(changes: Partial<ServiceSpec>) {
  await using directory = await createTempDir();
  const program = join(directory.path, "claw $HOME 100% [mesh]", "claw-mesh");
  await mkdir(join(program, ".."), { recursive: true });
  await writeFile(program, "#!/bin/sh\n");
  await chmod(program, 0o755);
  const runtime = join(directory.path, "run");
  await mkdir(runtime, { mode: 0o700 });
  const dataDir = join(directory.path, "my mesh");
  const spec = oddService({
    ...changes,
    program,
    dataDir,
    environmentFile: join(dataDir, "services", "x.env"),
  });
  const file = join(directory.path, `${serviceName(spec.id)}.service`);
  await writeFile(file, renderSystemdUnit(spec));
  const scope = spec.scope === "user" ? ["--user"] : [];
  const run = async (level: string) => {
    const child = Bun.spawn(["systemd-analyze", "--no-pager", ...scope, "verify", file], {
      env: {
        PATH: "/usr/bin:/bin",
        HOME: directory.path,
        XDG_RUNTIME_DIR: runtime,
        SYSTEMD_LOG_LEVEL: level,
      },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode: child.exitCode, said: (stdout + stderr).trim() };
  };
  return { spec, ...(await run("warning")), dump: (await run("debug")).said };
}

describe.skipIf(!isReady)("systemd takes the unit of", () => {
  const coordinator = { role: "coordinator", node: null } as const;
  test.each([
    ["a node of a user", {}],
    ["a node of the system", { scope: "system", runAs: { name: "nobody", home: "/nonexistent" } }],
    ["a coordinator of a user", { id: coordinator }],
    ["a coordinator of the system with a node", { id: coordinator, scope: "system" }],
    [
      "a coordinator of the system alone",
      { id: coordinator, scope: "system", isSealed: true, searchPath: null },
    ],
  ] satisfies readonly (readonly [string, Partial<ServiceSpec>])[])(
    "%s, without a word of complaint",
    async (_, changes) => {
      const { exitCode, said, spec, dump } = await verify(changes);
      expect({ exitCode, said }).toEqual({ exitCode: 0, said: "" });
      // As it understood them; that `$$` is one `$` it finds out when it starts the program.
      const line = dump.split("\n").find((text) => text.includes("Command Line:")) ?? "";
      for (const word of [spec.program, ...spec.args.map((arg) => arg.replaceAll("$", "$$$$"))]) {
        expect(unquoted(line)).toContain(unquoted(word));
      }
      expect(dump).toContain(`WorkingDirectory: ${spec.dataDir}`);
    },
  );

  test("the checker would find a setting that does not exist", async () => {
    await using directory = await createTempDir();
    const file = join(directory.path, "claw-mesh-node.service");
    const unit = renderSystemdUnit(oddService({ scope: "system", program: "/bin/true" }));
    await writeFile(file, unit.replace("KillMode=", "KilMode="));
    const { stderr } = Bun.spawnSync(["systemd-analyze", "verify", file], { stderr: "pipe" });
    expect(stderr.toString()).toContain("KilMode");
  });
});

const hasXml = isToolReady("xmllint", ["xmllint", "--version"]);

describe.skipIf(!hasXml)("an XML parser reads the property list", () => {
  test("and gives every argument back as it was", async () => {
    await using directory = await createTempDir();
    const file = join(directory.path, "claw-mesh.node.plist");
    const spec = oddService({ runAs: { name: "ann", home: "/Users/A & <B>" } });
    await writeFile(file, renderLaunchdPlist(spec));
    const read = (path: string) => {
      const { exitCode, stdout, stderr } = Bun.spawnSync(["xmllint", "--nonet", "--xpath", path, file]);
      expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
      return stdout.toString().replace(/\n$/, "");
    };
    for (const [at, word] of [spec.program, ...spec.args].entries()) {
      expect(read(`string(//key[.="ProgramArguments"]/following-sibling::array[1]/string[${at + 1}])`)).toBe(
        word,
      );
    }
    expect(read('string(//key[.="HOME"]/following-sibling::string[1])')).toBe("/Users/A & <B>");
  });
});

if (process.platform === "darwin") {
  test("macOS takes the property list", async () => {
    await using directory = await createTempDir();
    const file = join(directory.path, "claw-mesh.node.plist");
    await writeFile(file, renderLaunchdPlist(oddService()));
    expect(Bun.spawnSync(["plutil", "-lint", file]).exitCode).toBe(0);
  });
}

/** Without the quoting of the dump, which is another one in each version. */
function unquoted(text: string): string {
  return text.replace(/[\\"']/g, "");
}
