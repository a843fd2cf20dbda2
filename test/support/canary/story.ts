/** The whole product once, with a known secret in every place that has one; all it shows is kept as evidence. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createSecret } from "../../../src/platform/ids.ts";
import { createTestMesh, type Machine } from "../mesh-process.ts";
import type { Program } from "../program.ts";
import { until } from "../until.ts";
import type { SecretName, SurfaceName } from "./cast.ts";
import { startDeafGateway } from "./deaf-gateway.ts";
import { createEvidence, type Evidence, readTree } from "./evidence.ts";
import { callEverything, type Hub } from "./http-tour.ts";
import { get, keepCommand, keepFiles, keepProcesses, keepProgram, type Stage } from "./keep.ts";
import { startLeakyProvider } from "./leaky-provider.ts";
import { playFault, playUnderTls } from "./other-scenes.ts";

export interface Story {
  readonly evidence: Evidence<SurfaceName>;
  readonly secrets: ReadonlyMap<SecretName, string>;
  /** All that the gateway was told: its token is of use only when it gets there. */
  readonly heardByGateway: string;
}

const shownOnce = "output of commands that show something once";

export async function tellStory(): Promise<Story> {
  const evidence = createEvidence<SurfaceName>();
  const secrets = new Map<SecretName, string>();
  const plant = (name: SecretName, start = "") => {
    const text = `${start}canary${createSecret().slice(0, 14)}`;
    secrets.set(name, text);
    return text;
  };
  const providerKey = plant("a provider key");
  const provider = startLeakyProvider(providerKey);
  const gateway = startDeafGateway();
  await using mesh = await createTestMesh();
  const env = {
    CLAW_MESH_LOG_LEVEL: "debug",
    HTTP_PROXY: `http://ada:${plant("a proxy password")}@127.0.0.1:9`,
    CLAW_MESH_NODE_GATEWAY_TOKEN: providerKey,
  };
  const stage: Stage = { mesh, evidence, secrets, env };
  for (const name of ["a gateway token", "an idempotency key", "a message", "an answer"] as const)
    plant(name);
  plant("a wrong token that was tried", "cmt_");
  await playOnHub(stage, {
    adminToken: plant("the admin token"),
    providerUrl: provider.url,
    gatewayEndpoint: gateway.endpoint,
  });
  await playUnderTls(stage);
  await playFault(stage);
  await provider.stop();
  await gateway.stop();
  return { evidence, secrets, heardByGateway: gateway.heard() };
}

interface HubScene {
  readonly adminToken: string;
  readonly providerUrl: string;
  readonly gatewayEndpoint: string;
}

/** Coordinator, three kinds of nodes, messages of every fate, a crash, a restart, and all commands. */
async function playOnHub(
  stage: Stage,
  { adminToken, providerUrl, gatewayEndpoint }: HubScene,
): Promise<void> {
  const { mesh, evidence } = stage;
  const machine = await mesh.createMachine("hub", stage.env);
  const config = join(machine.cwd, "claw-mesh.yaml");
  await writeFile(config, `coordinator: { token: "${adminToken}", allow_private: true }\n`, { mode: 0o600 });
  const first = await startHub(machine, []);
  const hub = { url: first.url, adminToken, machine };
  const invite = await machine.cli(["invite", "--json", "--coordinator", hub.url]);
  keepCommand(stage, shownOnce, ["invite"], invite);
  stage.secrets.set("an invite code", invite.json().code);

  for (const args of [
    ["token", "create", "by-command", "--scope", "read,send", "--json"],
    ["token", "rotate", "by-command", "--json"],
  ]) {
    const made = await machine.cli([...args, "--coordinator", hub.url]);
    keepCommand(stage, shownOnce, args, made);
    stage.secrets.set("a token made on the command line", made.json().token);
  }

  const nodes = [
    await joinMesh(stage, hub, {
      name: "mac",
      args: [
        "--token",
        get(stage, "an invite code"),
        "--runtime",
        "openai",
        "--gateway-endpoint",
        providerUrl,
      ],
    }),
    await joinMesh(stage, hub, {
      name: "claw",
      args: ["--runtime", "openclaw", "--gateway-endpoint", gatewayEndpoint],
      gateway: true,
    }),
    await joinMesh(stage, hub, { name: "old", args: ["--no-gateway", "--listen", "127.0.0.1:0"] }),
  ];
  // Its way leads through the proxy of the environment, where nobody answers.
  const lost = await mesh.createMachine("node-lost", stage.env);
  const away = lost.start([
    "join",
    "http://mesh.example.com:9180",
    "--no-gateway",
    "--token",
    get(stage, "an invite code"),
  ]);
  await away.waitForLine(/coordinator not reached/, 20_000);
  await away.stop("SIGTERM");
  keepProgram(stage, away, "output of the nodes, at level debug");
  stage.secrets.set("a node token", await nodeToken(nodes[0]?.machine));
  stage.secrets.set("a direct node's token", await nodeToken(nodes[2]?.machine));
  const key = await readFile(join(machine.home, ".claw-mesh", "direct.key"), "utf8");
  stage.secrets.set("the key of the sealed tokens", key.trim());

  await sendMessages(stage, hub);
  await callEverything({ hub, evidence, secrets: stage.secrets });
  await runCommands(stage, hub);
  await keepProcesses(stage, [first.program, ...nodes.map(({ program }) => program)]);
  await first.program.stop("SIGKILL");
  keepProgram(stage, first.program, "the coordinator's log as text, at level debug");
  await keepFiles(stage, machine);

  const second = await startHub(machine, ["--log-json"], Number(new URL(hub.url).port));
  await until(
    "the nodes are back",
    async () =>
      JSON.parse((await machine.cli(["nodes", "--json", "--coordinator", hub.url])).stdout).every(
        ({ status }: { status: string }) => status !== "offline",
      ),
    20_000,
  );
  await sendMessages(stage, hub);
  await callEverything({ hub, evidence, secrets: stage.secrets });
  await keepProcesses(stage, [second.program]);
  for (const { program } of nodes.slice(0, 2)) await program.stop("SIGTERM");
  await nodes[2]?.program.stop("SIGKILL");
  await second.program.stop("SIGTERM");
  keepProgram(stage, second.program, "the coordinator's log as JSON, at level debug");
  for (const { program, machine: place } of nodes) {
    keepProgram(stage, program, "output of the nodes, at level debug");
    await keepFiles(stage, place);
  }
  await keepFiles(stage, machine);
}

async function startHub(machine: Machine, flags: readonly string[], port = 0) {
  const program = machine.start(["up", "--no-local", "--port", String(port), ...flags]);
  const [, listening] = await program.waitForLine(/coordinator listening on :(\d+)/, 20_000);
  return { program, url: `http://127.0.0.1:${listening}` };
}

/** A node on a machine of its own, with the admin token in its environment unless its arguments bring another. */
async function joinMesh(
  stage: Stage,
  hub: Hub,
  node: { readonly name: string; readonly args: readonly string[]; readonly gateway?: boolean },
): Promise<{ readonly machine: Machine; readonly program: Program }> {
  const machine = await stage.mesh.createMachine(`node-${node.name}`, stage.env);
  // A file with both secrets of a node, so that neither is in its environment.
  const gateway =
    node.gateway === true ? `node: { gateway: { token: "${get(stage, "a gateway token")}" } }\n` : "";
  const config = join(machine.cwd, "claw-mesh.yaml");
  await writeFile(config, `coordinator: { token: "${hub.adminToken}" }\n${gateway}`, { mode: 0o600 });
  const env = node.gateway === true ? { CLAW_MESH_NODE_GATEWAY_TOKEN: "" } : {};
  const program = machine.start(["join", hub.url, "--name", node.name, ...node.args], { env });
  await program.waitForLine(/registered as node node_/, 20_000);
  return { machine, program };
}

/** A node is registered before its place is on the disk. */
async function nodeToken(machine: Machine | undefined): Promise<string> {
  let token: string | null = null;
  await until(
    "node.json",
    async () => {
      const files = await readTree(join(machine?.home ?? "", ".claw-mesh", "nodes")).catch(() => []);
      const file = files.find(({ path }) => path.endsWith("node.json"));
      token = file === undefined ? null : JSON.parse(file.content.toString()).token;
      return token !== null;
    },
    10_000,
  );
  return token ?? "";
}

/** Messages that end well, fail in each way that the provider knows, or take too long. */
async function sendMessages(stage: Stage, { machine, url }: Hub): Promise<void> {
  const message = get(stage, "a message");
  const sends: readonly (readonly string[])[] = [
    ["send", "--node", "mac", message],
    ["send", "--node", "mac", "--json", `${message} ${get(stage, "an answer")}`],
    ["send", "--node", "mac", `[401] ${message}`],
    ["send", "--node", "mac", "--json", `[500] ${message}`],
    ["send", "--node", "mac", `[page] ${message}`],
    ["send", "--node", "mac", "--timeout", "1s", `[hang] ${message}`],
    ["send", "--node", "claw", message],
    ["send", "--node", "old", message],
    ["send", "--node", "nobody", message],
    ["task", "add", "--node", "mac", `[401] ${message}`],
    ["task", "list"],
    ["task", "list", "--json"],
    ["dead-letter", "list"],
  ];
  for (const args of sends) {
    const result = await machine.cli([...args, "--coordinator", url]);
    keepCommand(stage, "output of commands about messages", args, result);
  }
  const file = join(machine.cwd, "export.jsonl");
  await machine.cli(["task", "export", "--output", file, "--coordinator", url]);
  stage.evidence.add("an export of tasks", "export.jsonl", await readFile(file));
  await writeFile(file, "");
}

async function runCommands(stage: Stage, { machine, url, adminToken }: Hub): Promise<void> {
  const at = ["--coordinator", url];
  const log = join(machine.cwd, "hub.log");
  await writeFile(log, `Bearer ${adminToken}\nkey ${get(stage, "a node token")}\n`, { mode: 0o600 });
  const commands: readonly (readonly string[])[] = [
    ["status"],
    ["status", "--json"],
    ["nodes"],
    ["nodes", "--json"],
    ["doctor"],
    ["doctor", "--json"],
    ["doctor", "--bundle", "bundle.json", "--log", log],
    ["route", "list"],
    ["route", "add", "--match", "tag=gpu", "--target", "mac"],
    ["group", "list"],
    ["token", "list"],
    ["token", "list", "--json"],
    ["audit", "list"],
    ["audit", "list", "--json"],
    ["audit", "verify"],
    ["node", "cordon", "mac"],
    ["node", "uncordon", "mac"],
    ["task", "show", `task_${"0".repeat(32)}`],
    ["nodes", "--token", get(stage, "a wrong token that was tried")],
    ["version"],
    ["up", "--port", new URL(url).port],
  ];
  for (const args of commands) {
    keepCommand(stage, "output of all other commands", args, await machine.cli([...args, ...at]));
  }
  // The proxy of the environment is in the way, and its answer is explained.
  for (const args of [["nodes"], ["doctor"], ["doctor", "--json"]]) {
    const away = await machine.cli([...args, "--coordinator", "http://mesh.example.com:9180"]);
    keepCommand(stage, "output of all other commands", [...args, "away"], away);
  }
  stage.evidence.add("the support bundle", "bundle.json", await readFile(join(machine.cwd, "bundle.json")));
  for (const file of [log, join(machine.cwd, "bundle.json")]) await writeFile(file, "");
  const slips: readonly (readonly string[])[] = [
    ["--help"],
    ["help", "join"],
    ["help", "up"],
    ["join", "--help"],
    ["nosuch", "--token", adminToken],
    ["up", "--port", "x", "--token", adminToken],
    ["join"],
    ["join", "nowhere", `--token=${adminToken}`],
    ["send", "--nosuch", "--token", adminToken],
    ["--token"],
    ["nodes", "--token", "--json"],
    ["join", url, "--gateway-token", get(stage, "a gateway token"), "--runtime", "nosuch"],
    ["join", `http://ada:${get(stage, "a gateway token")}@${new URL(url).host}`],
    [
      "join",
      url,
      "--gateway-endpoint",
      `http://ada:${get(stage, "a gateway token")}@127.0.0.1:1`,
      "--runtime",
      "openai",
    ],
  ];
  for (const args of slips) keepCommand(stage, "help and usage errors", args, await machine.cli(args));
}
