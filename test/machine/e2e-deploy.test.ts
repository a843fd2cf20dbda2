/**
 * scripts/e2e-deploy.sh between machines of a network: network namespaces with an address each, a real sshd in each, and
 * nothing between them but ssh and the mesh. As root only, as namespaces with addresses are root's.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isToolReady } from "../fault/test-tool.ts";
import { createNetwork, type Network } from "../support/namespaces.ts";
import { executable } from "../support/program.ts";
import { createTempDir, type TempDir } from "../support/temp-dir.ts";
import { createStub } from "./stub.ts";

setDefaultTimeout(120_000);

const isReady =
  isToolReady("a network namespace (root)", ["unshare", "--net", "true"]) &&
  isToolReady("ip (iproute2)", ["ip", "-V"]) &&
  isToolReady("sshd (openssh-server)", ["test", "-x", "/usr/sbin/sshd"]) &&
  isToolReady("ssh (openssh-client)", ["ssh", "-V"]);

const scripts = join(import.meta.dir, "..", "..", "scripts");
const meshPort = 9180;

let directory: TempDir;
/** Where the executable itself is not what is tried. */
let stub: string;
let network: Network;

beforeAll(async () => {
  if (!isReady) return;
  directory = await createTempDir();
  stub = await createStub(directory.path);
  network = await createNetwork(directory.path, 3);
});
afterAll(async () => {
  if (!isReady) return;
  await network[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

interface Deployment {
  readonly env?: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly nodes?: readonly string[];
  /** Hears every line of the script when it comes. */
  readonly onLine?: (line: string, pid: number) => void;
}

let runs = 0;

/** The folder that the hosts of one run share; what is left in it when the script has ended is what it left behind. */
async function deploy({ env = {}, key = network.keyFile, nodes, onLine }: Deployment = {}) {
  runs += 1;
  const temporary = join(directory.path, `run ${runs}`);
  await mkdir(temporary);
  const [vps, one, two] = network.hosts.map(({ address }) => `root@${address}`);
  const child = Bun.spawn([...network.desk.enter, join(scripts, "e2e-deploy.sh")], {
    env: {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: temporary,
      TMPDIR: temporary,
      BINARY: executable,
      COORDINATOR_HOST: vps ?? "",
      NODE_HOSTS: (nodes ?? [one, two]).join(" "),
      SSH_OPTIONS: `-p ${network.sshPort} -i ${key} -o IdentitiesOnly=yes`,
      KNOWN_HOSTS: network.knownHosts,
      CONNECT_TIMEOUT_S: "3",
      START_WAIT_S: "20",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let partial = "";
    for await (const piece of stream) {
      const text = decoder.decode(piece, { stream: true });
      output += text;
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) onLine?.(line, child.pid);
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr), child.exited]);
  return { exitCode: child.exitCode, output, left: await readdir(temporary) };
}

/** Folders of the hosts, which is where sshd's children make them. */
const hostFolders = async () => (await readdir("/tmp")).filter((name) => name.startsWith("claw-mesh-e2e."));

/** Processes that run from such a folder. */
function meshProcesses(): readonly string[] {
  const { stdout } = Bun.spawnSync(["ps", "-A", "-ww", "-o", "pid=,args="]);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => /claw-mesh-e2e\.[A-Za-z0-9]+\/claw-mesh(\.real)? /.test(line));
}

async function expectNothingLeft(left: readonly string[]) {
  expect({ left, folders: await hostFolders(), processes: meshProcesses() }).toEqual({
    left: [],
    folders: [],
    processes: [],
  });
}

describe.skipIf(!isReady)("scripts/e2e-deploy.sh", () => {
  test("brings up a mesh on three hosts, hears from both nodes, and leaves nothing", async () => {
    const { exitCode, output, left } = await deploy();
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
    expect(output).toContain("== node-1 answered");
    expect(output).toContain("== node-2 answered");
    await expectNothingLeft(left);
  });

  test("says which host cannot be reached", async () => {
    const [, one] = network.hosts;
    const { exitCode, output, left } = await deploy({
      nodes: [`root@${one?.address}`, "root@10.77.0.99"],
      env: { CONNECT_TIMEOUT_S: "1" },
    });
    expect({ exitCode, output }).toMatchObject({ exitCode: 3 });
    expect(output).toContain("root@10.77.0.99 cannot be reached by ssh");
    await expectNothingLeft(left);
  });

  test("does not get in with a key that no host takes, and asks nobody", async () => {
    const { exitCode, output, left } = await deploy({ key: network.wrongKeyFile });
    expect({ exitCode, output }).toMatchObject({ exitCode: 3 });
    expect(output).toContain("Permission denied");
    await expectNothingLeft(left);
  });

  test("refuses a host with another key than the one it knows", async () => {
    const other = join(directory.path, "other_hosts");
    const stranger = await Bun.file(`${network.wrongKeyFile}.pub`).text();
    await Bun.write(other, `[${network.hosts[0]?.address}]:${network.sshPort} ${stranger}`);
    const { exitCode, output, left } = await deploy({ env: { KNOWN_HOSTS: other } });
    expect({ exitCode, output }).toMatchObject({ exitCode: 3 });
    expect(output).toContain("Host key verification failed");
    await expectNothingLeft(left);
  });

  test("says that the port of the coordinator is taken", async () => {
    const [vps] = network.hosts;
    if (vps === undefined) throw new Error("there is no host");
    const code = `Bun.serve({ port: ${meshPort}, fetch: () => new Response("mine") }); console.log("there")`;
    const holder = Bun.spawn([...vps.enter, process.execPath, "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await holder.stdout.getReader().read();
      const { exitCode, output, left } = await deploy({
        nodes: [`root@${network.hosts[1]?.address}`],
        env: { BINARY: stub },
      });
      expect({ exitCode, output }).toMatchObject({ exitCode: 1 });
      expect(output).toContain(`Port ${meshPort} is in use`);
      await expectNothingLeft(left);
    } finally {
      holder.kill();
      await holder.exited;
    }
  });

  test("notices a node that dies between two questions", async () => {
    const { exitCode, output, left } = await deploy({
      nodes: [`root@${network.hosts[1]?.address}`],
      env: { BINARY: stub, SOAK_S: "2", ANSWER_LIMIT_S: "2" },
      onLine: (line) => {
        if (!line.includes("once more after")) return;
        const victim = meshProcesses().find((text) => text.includes("--name node-1 "));
        process.kill(Number(victim?.trim().split(/\s+/)[0]), "SIGKILL");
      },
    });
    expect({ exitCode, output }).toMatchObject({ exitCode: 1 });
    expect(output).toContain("node-1 does not answer");
    expect(output).toContain("node does not run");
    await expectNothingLeft(left);
  });

  test("takes keys of hosts that it never saw, and cleans up when it is stopped in the middle", async () => {
    let hasBegun = false;
    const { exitCode, left } = await deploy({
      nodes: [`root@${network.hosts[1]?.address}`],
      // Without a file of keys: those of hosts that it never saw are taken.
      env: {
        BINARY: stub,
        SOAK_S: "60",
        KNOWN_HOSTS: "",
        SSH_OPTIONS: `-p ${network.sshPort} -i ${network.keyFile} -o UserKnownHostsFile=${join(directory.path, "seen")}`,
      },
      onLine: (line, pid) => {
        if (!line.includes("once more after")) return;
        hasBegun = true;
        process.kill(pid, "SIGINT");
      },
    });
    expect(hasBegun).toBe(true);
    expect(exitCode).toBe(130);
    await expectNothingLeft(left);
  });

  test.each([
    ["no nodes", { NODE_HOSTS: "" }],
    ["a host that ssh would take for an option", { NODE_HOSTS: "-oProxyCommand=x" }],
    ["a port that is none", { PORT: "9180;x" }],
    ["an executable that is not there", { BINARY: "/nowhere" }],
  ])("is used wrongly with %s", async (_, env) => {
    const { exitCode, left } = await deploy({ env });
    expect(exitCode).toBe(2);
    await expectNothingLeft(left);
  });
});
