/** The scripts on this machine alone: what they leave behind when they are ended, and what they know of processes. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readProcessStart } from "../../src/platform/process-identity.ts";
import { findFreePort } from "../support/free-port.ts";
import { createTempDir, type TempDir } from "../support/temp-dir.ts";
import { until } from "../support/until.ts";
import { createStub } from "./stub.ts";

setDefaultTimeout(60_000);

const scripts = join(import.meta.dir, "..", "..", "scripts");
const path = "/usr/sbin:/usr/bin:/sbin:/bin";

let directory: TempDir;
let stub: string;
beforeEach(async () => {
  directory = await createTempDir();
  stub = await createStub(directory.path);
});
afterEach(() => directory[Symbol.asyncDispose]());

test("e2e-deploy.sh cleans up although nobody reads any more what it says", async () => {
  const temporary = join(directory.path, "tmp");
  await mkdir(temporary);
  const port = await findFreePort();
  // The reader goes when the mesh is up, as `tee` does at Ctrl-C.
  const script = `(trap '' INT; "$0"; echo "$?" >"$1") 2>/dev/null | while read -r line; do
    case $line in *"once more"*) exit ;; esac; done`;
  const child = Bun.spawn(
    ["sh", "-c", script, join(scripts, "e2e-deploy.sh"), join(directory.path, "code")],
    {
      env: {
        PATH: path,
        HOME: temporary,
        TMPDIR: temporary,
        BINARY: stub,
        COORDINATOR_HOST: "local",
        NODE_HOSTS: "local",
        COORDINATOR_URL: `http://127.0.0.1:${port}`,
        PORT: String(port),
        SOAK_S: "1",
      },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  await child.exited;
  expect(Number(await readFile(join(directory.path, "code"), "utf8"))).toBeGreaterThan(0);
  expect(await readdir(temporary)).toEqual([]);
  const { stdout } = Bun.spawnSync(["ps", "-A", "-ww", "-o", "args="]);
  expect(stdout.toString()).not.toContain(temporary);
});

test.each([
  ["::1", "[::1]"],
  ["127.0.0.1", "127.0.0.1"],
])("e2e-deploy.sh joins where ssh finds the alias of a host: %s", async (found, shown) => {
  const fake = join(directory.path, "bin");
  const temporary = join(directory.path, "tmp");
  await mkdir(fake);
  await mkdir(temporary);
  // Runs on this machine what the other one should, and knows where the alias leads.
  const script = `#!/bin/sh\nfor word; do [ "$word" = -G ] && echo "hostname ${found}" && exit; done\neval "$word"\n`;
  await writeFile(join(fake, "ssh"), script, { mode: 0o755 });
  const port = await findFreePort();
  const child = Bun.spawn([join(scripts, "e2e-deploy.sh")], {
    env: {
      PATH: `${fake}:${path}`,
      HOME: temporary,
      TMPDIR: temporary,
      BINARY: stub,
      COORDINATOR_HOST: "me@vps",
      NODE_HOSTS: "local",
      PORT: String(port),
      START_WAIT_S: "2",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  expect(await child.stdout.text()).toContain(`== node-1: join http://${shown}:${port}\n`);
  await child.exited;
  expect(await readdir(temporary)).toEqual([]);
});

test("install-test-tools.sh takes away what keeps servers from starting when it is ended", async () => {
  const policy = join(directory.path, "policy-rc.d");
  const fake = join(directory.path, "bin");
  await mkdir(fake);
  await writeFile(join(fake, "apt-get"), "#!/bin/sh\nsleep 0.3\n", { mode: 0o755 });
  await writeFile(join(fake, "id"), "#!/bin/sh\necho 0\n", { mode: 0o755 });
  const text = await readFile(join(scripts, "install-test-tools.sh"), "utf8");
  expect(text).toContain("policy=/usr/sbin/policy-rc.d\n");
  const copy = join(directory.path, "install.sh");
  await writeFile(copy, text.replace("policy=/usr/sbin/policy-rc.d", `policy='${policy}'`));
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    const child = Bun.spawn(["sh", copy, "no-such-tool"], {
      env: { PATH: `${fake}:${path}` },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await until("the policy", () => Bun.file(policy).exists());
    child.kill(signal);
    expect(await child.exited).not.toBe(0);
    expect(await Bun.file(policy).exists()).toBe(false);
  }
});

describe("start.sh and stop.sh", () => {
  test("know their process from another one with the same id", async () => {
    const home = join(directory.path, "home of start");
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: home, CLAW_MESH: stub, STOP_WAIT_S: "10" };
    const call = (script: string, ...args: readonly string[]) => {
      const { exitCode, stdout, stderr } = Bun.spawnSync([join(scripts, script), ...args], { env });
      return { exitCode, said: stdout.toString() + stderr.toString() };
    };
    const started = call("start.sh", "coordinator", "--port", "0", "--no-local");
    expect(started).toMatchObject({ exitCode: 0 });
    expect(call("start.sh", "coordinator").said).toContain("runs already");
    const record = join(home, ".claw-mesh", "run", "coordinator.pid");
    const [pid = "", startedAt = ""] = (await Bun.file(record).text()).split("\n");
    // Another process of an earlier time has had this id: it is not ours to stop.
    await Bun.write(record, `${pid}\n1${startedAt}\n`);
    expect(call("stop.sh", "coordinator").said).toContain("does not run");
    expect(readProcessStart(Number(pid))).not.toBeNull();
    await Bun.write(record, `${pid}\n${startedAt}\n`);
    expect(call("stop.sh")).toMatchObject({ exitCode: 0, said: "coordinator is stopped\n" });
    expect(readProcessStart(Number(pid))).toBeNull();
  });

  test("start one thing once, also when two ask at the same time", async () => {
    const env = { PATH: path, HOME: directory.path, CLAW_MESH: stub, STOP_WAIT_S: "10" };
    const start = async () => {
      const child = Bun.spawn([join(scripts, "start.sh"), "coordinator", "--port", "0", "--no-local"], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      const said = (await child.stdout.text()) + (await child.stderr.text());
      return { exitCode: await child.exited, said };
    };
    const both = await Promise.all([start(), start()]);
    const log = await readFile(join(directory.path, ".claw-mesh", "run", "coordinator.log"), "utf8");
    expect(log.match(/coordinator listening on /g)).toHaveLength(1);
    expect(both.filter(({ said }) => said.includes("is up"))).toHaveLength(1);
    expect(both.filter(({ said }) => /is being started|runs already/.test(said))).toHaveLength(1);
    expect(await readdir(join(directory.path, ".claw-mesh", "run"))).toEqual(
      expect.not.arrayContaining(["coordinator.lock"]),
    );
    expect(Bun.spawnSync([join(scripts, "stop.sh")], { env }).exitCode).toBe(0);
  });

  test("know a process in another language and time zone, without /proc", async () => {
    // Systems without /proc ask ps, which writes times as its reader likes them.
    const text = await readFile(join(scripts, "processes.sh"), "utf8");
    const copy = join(directory.path, "processes.sh");
    await writeFile(copy, text.replaceAll("/proc/", "/no-proc/"));
    const ask = (TZ: string) =>
      Bun.spawnSync(["sh", "-c", '. "$1"; process_start "$2"', "sh", copy, String(process.pid)], {
        env: { PATH: path, TZ },
      }).stdout.toString();
    expect(ask("UTC0")).toMatch(/\d\d:\d\d:\d\d/);
    expect(ask("XXX-7")).toBe(ask("UTC0"));
  });
});
