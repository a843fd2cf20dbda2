import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfigFlag, loadConfig } from "../config/load-config.ts";
import { clientFlags } from "./client-flags.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "claw-mesh-flags-"));
});
afterEach(() => rm(directory, { recursive: true }));

interface Start {
  readonly file?: string;
  readonly yaml?: string;
  readonly flags?: readonly ConfigFlag[];
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly names?: readonly string[];
}

const otherPort = "coordinator:\n  port: 9555\n";

describe("the commands of another terminal", () => {
  async function flagsOf({
    file,
    yaml = otherPort,
    flags = [],
    env = {},
    port = 9180,
    names = [],
  }: Start): Promise<string> {
    const home = join(directory, "home");
    const path = file === undefined ? null : join(directory, file);
    if (path !== null) await Bun.write(path, yaml);
    await mkdir(home, { recursive: true });
    const configPath = file?.startsWith("home") === true ? null : path;
    const systemDir = join(directory, "etc");
    const config = await loadConfig({ flags, env, cwd: home, home, configPath, systemDir });
    return clientFlags({ config, port, names, home }).replaceAll(directory, "");
  }
  const flag = (path: string, value: unknown) => ({ path, flag: "--x", value });

  test.each<readonly [string, Start, string]>([
    ["need nothing where all is as usual", {}, ""],
    [
      "name the file that another one does not read",
      { file: "mine/cfg.yaml", port: 9555 },
      " --config /mine/cfg.yaml",
    ],
    [
      "name no port that the file leaves as it is",
      { file: "mine/cfg.yaml", yaml: "coordinator:\n  token: t0ken\n" },
      " --config /mine/cfg.yaml",
    ],
    [
      "quote its name for the shell",
      { file: "my files/cfg.yaml", port: 9555 },
      " --config '/my files/cfg.yaml'",
    ],
    ["leave out a file that is read anyway", { file: "home/.claw-mesh/claw-mesh.yaml", port: 9555 }, ""],
    [
      "need nothing where the data directory tells port, address and TLS",
      {
        flags: [flag("coordinator.port", 0), flag("coordinator.host", "10.0.0.7"), flag("tls.enabled", true)],
        port: 40_001,
      },
      "",
    ],
    [
      "name the file alone where that tells the data directory",
      { file: "mine/cfg.yaml", flags: [flag("coordinator.port", 9180)] },
      " --config /mine/cfg.yaml",
    ],
    [
      "name the port of a flag where only this run knows the data directory",
      { flags: [flag("coordinator.port", 0), flag("coordinator.data_dir", "/srv/mesh")], port: 40_001 },
      " --coordinator http://127.0.0.1:40001 --token-file /srv/mesh/token",
    ],
    [
      "name the port of a flag beside the file there",
      {
        file: "mine/cfg.yaml",
        flags: [flag("coordinator.port", 9180), flag("coordinator.data_dir", "/srv/mesh")],
      },
      " --config /mine/cfg.yaml --coordinator http://127.0.0.1:9180 --token-file /srv/mesh/token",
    ],
    [
      "name the address there",
      { flags: [flag("coordinator.host", "10.0.0.7"), flag("coordinator.data_dir", "/srv/mesh")] },
      " --coordinator http://10.0.0.7:9180 --token-file /srv/mesh/token",
    ],
    [
      "read the token where only this run looks",
      { flags: [flag("coordinator.data_dir", "/srv/mesh")] },
      " --token-file /srv/mesh/token",
    ],
    [
      "name the address of TLS that only this run asks for, there",
      { flags: [flag("tls.enabled", true), flag("coordinator.data_dir", "/srv/mesh")] },
      " --coordinator https://127.0.0.1:9180 --ca /srv/mesh/tls/ca.pem --token-file /srv/mesh/token",
    ],
    [
      "name nothing of TLS that the file asks for",
      { file: "home/.claw-mesh/claw-mesh.yaml", yaml: "tls:\n  enabled: true\n" },
      "",
    ],
    [
      "name the authority where only this run looks",
      {
        file: "home/.claw-mesh/claw-mesh.yaml",
        yaml: "tls:\n  enabled: true\n",
        flags: [flag("coordinator.data_dir", "/srv/mesh")],
      },
      " --ca /srv/mesh/tls/ca.pem --token-file /srv/mesh/token",
    ],
    [
      "call a certificate of a flag by its name",
      {
        flags: [flag("tls.cert_file", "c.pem"), flag("tls.key_file", "k.pem")],
        names: ["mesh.example.com"],
      },
      " --coordinator https://mesh.example.com:9180 --token-file /home/.claw-mesh/token",
    ],
    ["need no token of a flag: it is kept", { flags: [flag("coordinator.token", "s3cret")] }, ""],
    [
      "never show a token, and name the file of one that the configuration may hide",
      { file: "home/.claw-mesh/claw-mesh.yaml", yaml: "", flags: [flag("coordinator.token", "s3cret")] },
      " --token-file /home/.claw-mesh/token",
    ],
  ])("%s", async (_, start, flags) => {
    expect(await flagsOf(start)).toBe(flags);
  });
});
