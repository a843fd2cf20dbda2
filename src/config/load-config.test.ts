import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, chown, lchown, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeForeignHand } from "../platform/private-files.ts";
import { MeshError } from "../protocol/errors.ts";
import { Secret } from "../protocol/secret.ts";
import { printInitialConfig, toNodeName } from "./initial-config.ts";
import { type LoadedConfig, type LoadOptions, loadConfig } from "./load-config.ts";
import { nearestName } from "./nearest-name.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "claw-mesh-config-"));
  await mkdir(join(dir, "home", ".claw-mesh"), { recursive: true });
  await mkdir(join(dir, "cwd"));
  await mkdir(join(dir, "etc"));
});
afterEach(() => rm(dir, { recursive: true }));

function load(options: Partial<LoadOptions> = {}): Promise<LoadedConfig> {
  return loadConfig({
    flags: [],
    env: {},
    cwd: join(dir, "cwd"),
    home: join(dir, "home"),
    configPath: null,
    systemDir: join(dir, "etc"),
    ...options,
  });
}

async function problemsOf(text: string, options: Partial<LoadOptions> = {}): Promise<string> {
  await writeFile(join(dir, "cwd", "claw-mesh.yaml"), text);
  const error = await load(options).catch((reason: unknown) => reason);
  if (!(error instanceof MeshError)) throw error;
  expect(error.code).toBe("CONFIG_INVALID");
  return error.message.replaceAll(`${join(dir, "cwd")}/`, "");
}

describe("what counts", () => {
  test("without any source everything has its default", async () => {
    const config = await load();
    expect(config.value.coordinator).toMatchObject({
      host: "0.0.0.0",
      port: 9180,
      token: null,
      allow_private: false,
    });
    expect(config.dataDir).toBe(join(dir, "home", ".claw-mesh"));
    expect(config.originOf("coordinator.port")).toEqual({ kind: "default" });
    expect(config.file).toBeNull();
  });

  test("flags come before environment, environment before file, file before default", async () => {
    await writeFile(
      join(dir, "cwd", "claw-mesh.yaml"),
      "coordinator:\n  port: 1\n  token: f\nnode:\n  name: fff\n",
    );
    const config = await load({
      env: { CLAW_MESH_COORDINATOR_PORT: "2", CLAW_MESH_COORDINATOR_TOKEN: "e", CLAW_MESH_NODE_TAGS: "a, b" },
      flags: [{ path: "coordinator.port", flag: "--port", value: 3 }],
    });
    expect(config.value.coordinator.port).toBe(3);
    expect(config.value.coordinator.token?.reveal()).toBe("e");
    expect(config.value.node).toMatchObject({ name: "fff", tags: ["a", "b"] });
    expect(config.originOf("coordinator.port")).toEqual({ kind: "flag", flag: "--port" });
    expect(config.originOf("coordinator.token")).toMatchObject({ variable: "CLAW_MESH_COORDINATOR_TOKEN" });
    expect(config.originOf("node.name")).toMatchObject({ kind: "file", line: 5, column: 9 });
    expect(config.originOf("node.slots")).toEqual({ kind: "default" });
  });

  test("CLAW_MESH_TOKEN is the token, before the longer name", async () => {
    const config = await load({ env: { CLAW_MESH_TOKEN: "short", CLAW_MESH_COORDINATOR_TOKEN: "long" } });
    expect(config.value.coordinator.token?.reveal()).toBe("short");
  });

  test("printing the configuration, in whatever way, shows no secret", async () => {
    const config = await load({
      env: { CLAW_MESH_TOKEN: "planted", CLAW_MESH_NODE_GATEWAY_TOKEN: "planted" },
    });
    const { coordinator } = config.value;
    const shown = [
      Bun.inspect(config),
      JSON.stringify(config),
      `${coordinator.token}`,
      String(coordinator.token),
    ];
    for (const text of shown) expect(text).not.toContain("planted");
    expect(JSON.parse(JSON.stringify(config.value)).coordinator.token).toBe("***");
  });

  test("an empty variable counts as unset", async () => {
    expect((await load({ env: { CLAW_MESH_COORDINATOR_PORT: "" } })).value.coordinator.port).toBe(9180);
  });

  test("how long tasks are kept has a default, and can be set like everything else", async () => {
    expect((await load()).value.coordinator.retention).toEqual({ days: 30, max_tasks: 200_000 });
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), "coordinator:\n  retention: { days: 7 }\n");
    const { value } = await load({ env: { CLAW_MESH_COORDINATOR_RETENTION_MAX_TASKS: "5000" } });
    expect(value.coordinator.retention).toEqual({ days: 7, max_tasks: 5000 });
  });

  test("CLAW_MESH_HOME moves the data directory and the place of the file", async () => {
    const home = join(dir, "elsewhere");
    await mkdir(home);
    await writeFile(join(home, "claw-mesh.yaml"), "coordinator: { port: 7 }\n");
    const config = await load({ env: { CLAW_MESH_HOME: home } });
    expect([config.value.coordinator.port, config.dataDir]).toEqual([7, home]);
  });

  test("the folders are searched in order", async () => {
    await writeFile(join(dir, "etc", "claw-mesh.yaml"), "coordinator: { port: 3 }\n");
    expect((await load()).value.coordinator.port).toBe(3);
    await writeFile(join(dir, "home", ".claw-mesh", "claw-mesh.yaml"), "coordinator: { port: 2 }\n");
    expect((await load()).value.coordinator.port).toBe(2);
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), "coordinator: { port: 1 }\n");
    expect((await load()).value.coordinator.port).toBe(1);
  });

  test("the value cannot be changed", async () => {
    const { value } = await load();
    expect(() => Object.assign(value.coordinator, { port: 1 })).toThrow(TypeError);
  });

  test("all keys of the classic tool are valid", async () => {
    await writeFile(
      join(dir, "cwd", "claw-mesh.yaml"),
      `coordinator:
  port: 9180
  token: "abc"
  allow_private: true
  data_dir: ~/mesh
  workspace_dir: ~/work
  openclaw_config: ~/.openclaw/openclaw.json
node:
  name: my-node
  tags: [gpu, docker]
  endpoint: 10.0.0.2:9121
  gateway: { endpoint: 127.0.0.1:18789, token: x, timeout: 120, auto_discover: true }
tls: { enabled: false, cert_file: a.pem, key_file: b.pem }
`,
    );
    const config = await load();
    expect(config.dataDir).toBe(join(dir, "home", "mesh"));
    expect(config.value.node.gateway.timeout).toBe(120);
  });

  test("rules and groups are read by the schemas of the API", async () => {
    await writeFile(
      join(dir, "cwd", "claw-mesh.yaml"),
      `rules:
  - { match: { requires_gpu: true }, target: linux-gpu }
  - { match: { wildcard: true }, strategy: least-busy }
groups: { mac-nodes: { match: { os: darwin } } }
`,
    );
    const { value } = await load();
    expect(value.rules[1]).toEqual({ match: { wildcard: true }, strategy: "least-busy" });
    expect(value.groups["mac-nodes"]).toEqual({ match: { os: "darwin" } });
  });

  test("an empty section is the same as none", async () => {
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), "coordinator:\nnode:\n  name:\nrules:\n");
    expect((await load()).value.node.name).toBeNull();
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), "# nothing\n");
    expect((await load()).value.rules).toEqual([]);
  });

  test("the file that init writes is a valid one", async () => {
    const text = printInitialConfig({
      port: 9180,
      token: new Secret("0123456789abcdef0123456789abcdef"),
      nodeName: "mac",
    });
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), text);
    const { value } = await load();
    expect(value.coordinator).toMatchObject({ port: 9180, allow_private: true });
    expect(value.node.name).toBe("mac");
    const uncommented = text.replaceAll(/^# (?=rules:|groups:| {2})/gm, "");
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), uncommented);
    expect((await load()).value.rules).toHaveLength(3);
  });
});

describe("what is wrong is named with its place", () => {
  test.each([
    [
      "coordinator:\n  prot: 9180\n",
      'claw-mesh.yaml:2:3: unknown key "coordinator.prot"; did you mean "port"?',
    ],
    ["cordinator: {}\n", 'claw-mesh.yaml:1:1: unknown key "cordinator"; did you mean "coordinator"?'],
    [
      "node:\n  gateway: { tokn: x }\n",
      'claw-mesh.yaml:2:14: unknown key "node.gateway.tokn"; did you mean "token"?',
    ],
    ["coordinator:\n  port: high\n", "claw-mesh.yaml:2:9: coordinator.port: "],
    [
      "coordinator:\n  token: 123\n",
      "claw-mesh.yaml:2:10: coordinator.token: must be text; put digits in quotes",
    ],
    ["rules:\n  - match: { wildcard: true }\n    strategy: leastbusy\n", 'did you mean "least-busy"?'],
    [
      "rules:\n  - match: { requires_gpus: true }\n",
      'claw-mesh.yaml:2:14: unknown key "rules.0.match.requires_gpus"; did you mean "requires_gpu"?',
    ],
    ["rules:\n  - target: x\n", "claw-mesh.yaml:2:5: rules.0.match: "],
    ["groups:\n  macs: { macth: { os: darwin } }\n", 'did you mean "match"?'],
    [
      "coordinator:\n  retention: { days: 0 }\n",
      "claw-mesh.yaml:2:22: coordinator.retention.days: must be at least 1",
    ],
    [
      "coordinator:\n  retention: { max_tasks: 0 }\n",
      "claw-mesh.yaml:2:27: coordinator.retention.max_tasks: must be at least 1000",
    ],
    ["coordinator:\n  retention: { hours: 1 }\n", 'unknown key "coordinator.retention.hours"'],
    ["- a\n- b\n", "claw-mesh.yaml:1:1: must be a map"],
    ["a: 1\na: 2\n", "claw-mesh.yaml:2:1: "],
    ["coordinator: { port: 1\nnode: x\n", "claw-mesh.yaml:"],
  ])("%j", async (text, problem) => {
    expect(await problemsOf(text)).toContain(problem);
  });

  test("all problems are named at once", async () => {
    expect((await problemsOf("coordinator: { prot: 1 }\nnode: { nam: x }\n")).split("\n")).toHaveLength(2);
  });

  test("a bad variable or flag is named by its own name", async () => {
    expect(await problemsOf("", { env: { CLAW_MESH_COORDINATOR_PORT: "x" } })).toStartWith(
      "CLAW_MESH_COORDINATOR_PORT: ",
    );
    expect(await problemsOf("", { env: { CLAW_MESH_NODE_TAGS: "ok,\u0001" } })).toStartWith(
      "CLAW_MESH_NODE_TAGS: ",
    );
    const flags = [{ path: "node.runtime", flag: "--runtime", value: "opencalw" }];
    expect(await problemsOf("", { flags })).toMatch(/^--runtime: .*did you mean "openclaw"\?$/);
  });
});

describe("what is not a configuration", () => {
  test("a program or a folder of that name is passed over, and told", async () => {
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1));
    await mkdir(join(dir, "home", ".claw-mesh", "claw-mesh.yaml"));
    await writeFile(join(dir, "etc", "claw-mesh.yaml"), "coordinator: { port: 5 }\n");
    const config = await load();
    expect(config.value.coordinator.port).toBe(5);
    expect(config.skipped.map(({ reason }) => reason)).toEqual([
      "it is a program (ELF)",
      "it is a directory",
    ]);
  });

  test("a binary beside it called claw-mesh is never looked at", async () => {
    await writeFile(join(dir, "cwd", "claw-mesh"), Uint8Array.of(0xcf, 0xfa, 0xed, 0xfe));
    expect((await load()).skipped).toEqual([]);
  });

  test("--config that names one is explained", async () => {
    await writeFile(join(dir, "cwd", "claw-mesh"), Uint8Array.of(0xcf, 0xfa, 0xed, 0xfe));
    await expect(load({ configPath: "claw-mesh" })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${join(dir, "cwd", "claw-mesh")} is not a configuration: it is a program (Mach-O)`,
    });
    await expect(load({ configPath: "nothing.yaml" })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await expect(load({ configPath: "." })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("a file that cannot be read is an error, not silence", async () => {
    await symlink("claw-mesh.yaml", join(dir, "cwd", "claw-mesh.yaml"));
    await expect(load()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe("a configuration that others could have written", () => {
  const ours = "coordinator: { port: 7 }\n";
  const cwdFile = () => join(dir, "cwd", "claw-mesh.yaml");
  beforeEach(() =>
    writeFile(join(dir, "home", ".claw-mesh", "claw-mesh.yaml"), "coordinator: { port: 8 }\n"),
  );

  test.each<readonly [string, () => Promise<unknown>, string]>([
    [
      "that everybody may write to",
      () => chmod(cwdFile(), 0o666),
      "it may be changed by other users (mode 666)",
    ],
    [
      "in a folder that everybody may write to",
      () => chmod(join(dir, "cwd"), 0o777),
      "/cwd may be changed by other users (mode 777)",
    ],
    [
      "that is a link into a folder that everybody may write to",
      async () => {
        await mkdir(join(dir, "open"));
        await rename(cwdFile(), join(dir, "open", "other.yaml"));
        await symlink(join(dir, "open", "other.yaml"), cwdFile());
        await chmod(join(dir, "open"), 0o777);
      },
      "/open may be changed by other users (mode 777)",
    ],
    [
      "that is a pipe",
      async () => {
        await rm(cwdFile());
        expect(Bun.spawnSync(["mkfifo", cwdFile()]).exitCode).toBe(0);
      },
      "it is no ordinary file",
    ],
    // Only root may give a file away; for others, the next tests alone tell the owners apart.
    ...(process.getuid?.() === 0
      ? ([
          ["of another user", () => chown(cwdFile(), 4711, 4711), "it belongs to another user (4711)"],
          [
            "that is a link of another user",
            async () => {
              await rename(cwdFile(), join(dir, "other.yaml"));
              await symlink(join(dir, "other.yaml"), cwdFile());
              await lchown(cwdFile(), 4711, 4711);
            },
            "it is a link of another user (4711)",
          ],
          [
            "that another user has made unreadable",
            async () => {
              await rm(cwdFile());
              await symlink("claw-mesh.yaml", cwdFile());
              await lchown(cwdFile(), 4711, 4711);
            },
            "it belongs to another user (4711)",
          ],
          [
            "in a folder of another user",
            () => chown(join(dir, "cwd"), 4711, 4711),
            "/cwd belongs to another user (4711)",
          ],
        ] as const)
      : []),
  ])("%s is passed over, and told", async (_what, spoil, reason) => {
    await writeFile(cwdFile(), ours);
    expect((await load()).value.coordinator.port).toBe(7);
    await spoil();
    const config = await load();
    expect(config.value.coordinator.port).toBe(8);
    expect(config.skipped).toEqual([
      { path: cwdFile(), reason: expect.stringContaining(reason), isForeign: !reason.includes("ordinary") },
    ]);
  });

  test("counts when --config names it, and is told", async () => {
    await writeFile(cwdFile(), ours);
    expect((await load({ configPath: "claw-mesh.yaml" })).foreignHand).toBeNull();
    await chmod(cwdFile(), 0o666);
    const config = await load({ configPath: "claw-mesh.yaml" });
    expect(config.value.coordinator.port).toBe(7);
    expect(config.foreignHand).toBe("it may be changed by other users (mode 666)");
  });

  test("in a folder like /tmp is that of its owner", async () => {
    await writeFile(cwdFile(), ours);
    await chmod(join(dir, "cwd"), 0o1777);
    expect((await load()).value.coordinator.port).toBe(7);
  });

  test.each([
    ["our file", { uid: 1000, gid: 1000, mode: 0o100644 }, true],
    ["our file that our own group may write to", { uid: 1000, gid: 1000, mode: 0o100664 }, true],
    ["our file that a shared group may write to", { uid: 1000, gid: 100, mode: 0o100664 }, false],
    ["our file that everybody may write to", { uid: 1000, gid: 1000, mode: 0o100646 }, false],
    ["a file of root", { uid: 0, gid: 0, mode: 0o100644 }, true],
    ["a file of another user", { uid: 1001, gid: 1000, mode: 0o100600 }, false],
    ["a file of nobody", { uid: 65_534, gid: 65_534, mode: 0o100644 }, false],
  ])("%s: whether only we and root could have written it is told apart", (_what, facts, isOurs) => {
    expect(describeForeignHand(facts, 1000) === null).toBe(isOurs);
  });
});

test("the nearest name is near, or there is none", () => {
  expect(nearestName("prot", ["port", "token"])).toBe("port");
  expect(nearestName("TOKEN", ["port", "token"])).toBe("token");
  expect(nearestName("banana", ["port", "token"])).toBeNull();
  expect(nearestName("x", [])).toBeNull();
});

test("a host name becomes a node name", () => {
  expect(["mac-mini.local", "Ann's PC", "…", "办公室"].map(toNodeName)).toEqual([
    "mac-mini",
    "Ann-s-PC",
    "node",
    "办公室",
  ]);
});

describe("the list of runtimes", () => {
  test("has its problems named with their place", async () => {
    const text = [
      "node:",
      "  runtimes:",
      "    - { kind: echo }",
      "    - kind: openai",
      "      endpont: 127.0.0.1:1",
      "    - { kind: opencalw }",
      "    - { kind: acp, aprovals: fail }",
      "    - { kind: openclaw, slots: 0 }",
      "    - { kind: command }",
      "",
    ].join("\n");
    const problems = await problemsOf(text);
    expect(problems).toContain(
      'claw-mesh.yaml:5:7: unknown key "node.runtimes.1.endpont"; did you mean "endpoint"?',
    );
    expect(problems).toContain(
      "claw-mesh.yaml:6:15: node.runtimes.2.kind: must be a map with a kind, which is one of",
    );
    expect(problems).toContain('unknown key "node.runtimes.3.aprovals"; did you mean "approvals"?');
    expect(problems).toContain("claw-mesh.yaml:8:32: node.runtimes.4.slots:");
    expect(problems).toContain("claw-mesh.yaml:9:7: node.runtimes.5.command: must be a list");
  });

  test("has each kind once", async () => {
    const text = "node:\n  runtimes:\n    - kind: echo\n    - kind: echo\n      slots: 2\n";
    expect(await problemsOf(text)).toBe(
      'claw-mesh.yaml:4:13: node.runtimes.1.kind: "echo" is there twice; a node has each kind once',
    );
  });

  test("keeps what is a secret as one", async () => {
    const text = `
node:
  runtimes:
    - { kind: openclaw, token: open-sesame }
    - { kind: acp, command: [agent], env: { API_KEY: open-sesame } }
`;
    await writeFile(join(dir, "cwd", "claw-mesh.yaml"), text);
    expect(JSON.stringify((await load()).value)).not.toContain("open-sesame");
  });
});
