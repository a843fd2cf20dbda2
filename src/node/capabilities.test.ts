import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../platform/clock.ts";
import { silentLog } from "../platform/log.ts";
import { Capabilities } from "../protocol/capability.ts";
import { type CapabilityDeps, createCapabilityProbe, toGoArch, toGoOs } from "./capabilities.ts";
import { skillTable } from "./skill-table.ts";

let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "capabilities-"));
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function addFile(path: string, text = "#!/bin/sh\nexit 1\n"): Promise<void> {
  await Bun.write(join(root, path), text);
  await chmod(join(root, path), 0o755);
}

const probe = (parts: Partial<CapabilityDeps> = {}) =>
  createCapabilityProbe({
    env: { HOME: root, PATH: [join(root, "usr/bin"), join(root, "opt/bin")].join(delimiter) },
    clock: systemClock,
    platform: "linux",
    arch: "x64",
    tags: [],
    root,
    dataDir: root,
    log: silentLog,
    ...parts,
  })();

describe("the skills of a machine", () => {
  test("are those of the programs on its PATH", async () => {
    await addFile("usr/bin/docker");
    await addFile("opt/bin/kubectl");
    await addFile("opt/bin/python3");
    await addFile("opt/bin/unheard-of");
    expect((await probe()).skills).toEqual(["python", "docker", "kubernetes"]);
  });

  test("are named once, however many of its programs are there", async () => {
    await addFile("usr/bin/cargo");
    await addFile("usr/bin/rustc");
    expect((await probe()).skills).toEqual(["rust"]);
  });

  test("are none on a bare machine", async () => {
    expect((await probe({ env: { HOME: root } })).skills).toEqual([]);
  });

  test("do not include the stubs of macOS without the programs behind them", async () => {
    for (const name of ["git", "java", "xcodebuild", "ssh"]) await addFile(`usr/bin/${name}`);
    expect((await probe({ platform: "darwin" })).skills).toEqual(["ssh"]);
    expect((await probe()).skills).toEqual(["java", "xcode", "git", "ssh"]);
  });

  test("include git but not Xcode on a Mac with the command line tools only", async () => {
    for (const name of ["git", "xcodebuild"]) await addFile(`usr/bin/${name}`);
    await addFile("Library/Developer/CommandLineTools/usr/bin/git");
    expect((await probe({ platform: "darwin" })).skills).toEqual(["git"]);
  });

  test("include Xcode where it is installed", async () => {
    await addFile("usr/bin/xcodebuild");
    await addFile("Applications/Xcode.app/Contents/Developer/usr/bin/xcodebuild");
    expect((await probe({ platform: "darwin" })).skills).toEqual(["xcode"]);
  });
});

describe("the GPU of a machine", () => {
  test("is there with a device file of NVIDIA or ROCm", async () => {
    expect((await probe()).gpu).toBe(false);
    await addFile("dev/kfd");
    expect((await probe()).gpu).toBe(true);
  });

  test("is there when the driver's tool lists one", async () => {
    const log = join(root, "asked");
    await addFile("opt/bin/nvidia-smi", `#!/bin/sh\necho "$@" >> '${log}'\necho 'Tesla T4, 15360'\n`);
    expect((await probe()).gpu).toBe(true);
    // Once for all: it takes a second, and every node asks again and again.
    expect((await Bun.file(log).text()).trim().split("\n")).toHaveLength(1);
  });

  test("is not there when the driver's tool fails or lists none", async () => {
    await addFile("opt/bin/nvidia-smi", "#!/bin/sh\necho 'No devices were found'\nexit 6\n");
    expect((await probe()).gpu).toBe(false);
  });

  test("is not waited for when the driver's tool hangs", async () => {
    await addFile("opt/bin/nvidia-smi", "#!/bin/sh\nexec /bin/sleep 30\n");
    const hurried = {
      ...systemClock,
      after: (_: number, callback: () => void) => systemClock.after(50, callback),
    };
    expect((await probe({ clock: hurried })).gpu).toBe(false);
  });

  test("is part of every Mac with Apple silicon, and of no other Mac", async () => {
    expect((await probe({ platform: "darwin", arch: "arm64" })).gpu).toBe(true);
    expect((await probe({ platform: "darwin", arch: "x64" })).gpu).toBe(false);
  });
});

describe("the rest", () => {
  test("carries Go's names, whole gigabytes and the node's tags", async () => {
    const found = await probe({
      platform: "win32",
      arch: "arm64",
      memoryBytes: 15.9 * 2 ** 30,
      tags: ["home"],
    });
    expect(found).toMatchObject({ os: "windows", arch: "arm64", memory_gb: 15, tags: ["home"] });
    expect([toGoOs("darwin"), toGoOs("linux"), toGoArch("x64"), toGoArch("ia32")]).toEqual([
      "darwin",
      "linux",
      "amd64",
      "386",
    ]);
  });

  test("is valid on the wire, for this machine as it is", async () => {
    const deps = {
      env: { HOME: root, PATH: "/usr/bin:/bin" },
      platform: process.platform,
      arch: process.arch,
      root: "/",
    };
    expect(Capabilities.safeParse(await probe(deps)).error).toBeUndefined();
  });
});

test("the skill table names each skill and each program once", () => {
  const skills = skillTable.map(({ skill }) => skill);
  const programs = skillTable.flatMap(({ anyOf }) => anyOf);
  expect(new Set(skills).size).toBe(skills.length);
  expect(new Set(programs).size).toBe(programs.length);
  expect(Capabilities.shape.skills.safeParse(skills).success).toBe(true);
});
