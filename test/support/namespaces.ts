import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A machine as the network sees it: a network namespace with an address, and sshd in it. Files and processes are shared. */
export interface NetworkHost {
  readonly name: string;
  readonly address: string;
  /** Words before a command that make it run there. */
  readonly enter: readonly string[];
  /** Takes the machine off the network, or puts it back. */
  readonly setLink: (isUp: boolean) => void;
}

export interface Network extends AsyncDisposable {
  /** Where the bridge is, and no sshd: whoever drives the others. */
  readonly desk: NetworkHost;
  readonly hosts: readonly NetworkHost[];
  readonly sshPort: number;
  /** A key that all hosts take, and one that none takes. */
  readonly keyFile: string;
  readonly wrongKeyFile: string;
  /** Keys of the hosts, as ssh reads them. */
  readonly knownHosts: string;
}

function run(...command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdio: ["ignore", "pipe", "pipe"] });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

const sshPort = 2222;

/** As root only. Everything is gone with its disposal: namespaces with their addresses, and sshd. */
export async function createNetwork(directory: string, hostCount: number): Promise<Network> {
  const id = `cm${process.pid}`;
  const names = ["desk", ...Array.from({ length: hostCount }, (_, at) => `host${at + 1}`)];
  const hosts = names.map((name, at): NetworkHost => {
    const space = `${id}-${name}`;
    return {
      name,
      address: `10.77.0.${at + 1}`,
      enter: ["ip", "netns", "exec", space],
      setLink: (isUp) => void run("ip", "-n", space, "link", "set", "eth0", isUp ? "up" : "down"),
    };
  });
  const [desk, ...others] = hosts;
  if (desk === undefined) throw new Error("there is no desk");
  const space = (host: NetworkHost) => `${id}-${host.name}`;
  const daemons: Bun.Subprocess[] = [];
  const dispose = async () => {
    for (const daemon of daemons) daemon.kill();
    await Promise.all(daemons.map((daemon) => daemon.exited));
    for (const host of hosts) Bun.spawnSync(["ip", "netns", "del", space(host)]);
  };
  try {
    for (const host of hosts) {
      run("ip", "netns", "add", space(host));
      run("ip", "-n", space(host), "link", "set", "lo", "up");
    }
    run("ip", "-n", space(desk), "link", "add", "br0", "type", "bridge");
    run("ip", "-n", space(desk), "addr", "add", `${desk.address}/24`, "dev", "br0");
    run("ip", "-n", space(desk), "link", "set", "br0", "up");
    const keys = await createKeys(directory);
    for (const host of others) {
      const port = `to-${host.name}`;
      run(
        "ip",
        "-n",
        space(desk),
        "link",
        "add",
        port,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        space(host),
      );
      run("ip", "-n", space(desk), "link", "set", port, "master", "br0", "up");
      run("ip", "-n", space(host), "addr", "add", `${host.address}/24`, "dev", "eth0");
      host.setLink(true);
      daemons.push(await startSshd(directory, host, keys));
    }
    const hostKey = run("ssh-keygen", "-y", "-f", keys.hostKey).trim();
    const knownHosts = join(directory, "known_hosts");
    await writeFile(knownHosts, others.map(({ address }) => `[${address}]:${sshPort} ${hostKey}\n`).join(""));
    return {
      desk,
      hosts: others,
      sshPort,
      keyFile: keys.user,
      wrongKeyFile: keys.stranger,
      knownHosts,
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Keys {
  readonly hostKey: string;
  readonly user: string;
  readonly stranger: string;
  readonly authorized: string;
}

async function createKeys(directory: string): Promise<Keys> {
  const folder = join(directory, "keys");
  await mkdir(folder, { mode: 0o700 });
  const [hostKey, user, stranger] = ["host", "user", "stranger"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [hostKey, user, stranger])
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file);
  const authorized = join(folder, "authorized_keys");
  await writeFile(authorized, run("ssh-keygen", "-y", "-f", user), { mode: 0o600 });
  return { hostKey, user, stranger, authorized };
}

/** Comes back when it listens. */
async function startSshd(directory: string, host: NetworkHost, keys: Keys): Promise<Bun.Subprocess> {
  const config = join(directory, `sshd-${host.name}.conf`);
  await writeFile(
    config,
    [
      `ListenAddress ${host.address}:${sshPort}`,
      `HostKey ${keys.hostKey}`,
      `AuthorizedKeysFile ${keys.authorized}`,
      "PidFile none",
      "PermitRootLogin prohibit-password",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "UsePAM no",
      // The keys are in a temporary folder.
      "StrictModes no",
      "",
    ].join("\n"),
  );
  // Where sshd shuts itself in before anybody has logged in.
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const daemon = Bun.spawn([...host.enter, "/usr/sbin/sshd", "-D", "-e", "-f", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const decoder = new TextDecoder();
  const heard = Promise.withResolvers<void>();
  let said = "";
  const listen = async () => {
    for await (const piece of daemon.stderr) {
      said += decoder.decode(piece, { stream: true });
      if (said.includes("Server listening on")) heard.resolve();
    }
    heard.reject(new Error(`sshd ended: ${said}`));
  };
  void listen();
  await heard.promise;
  return daemon;
}
