import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "../mesh-process.ts";
import { keepCommand, keepFiles, keepProcesses, keepProgram, type Stage } from "./keep.ts";

const root = join(import.meta.dir, "..", "..", "..");

/** A coordinator with a certificate of its own, and a node that comes by an invite with its pin. */
export async function playUnderTls(stage: Stage): Promise<void> {
  const { mesh } = stage;
  const machine = await mesh.createMachine("hub-under-tls", stage.env);
  const program = machine.start(["up", "--no-local", "--port", "0", "--tls"]);
  const [, port] = await program.waitForLine(/coordinator listening on :(\d+)/, 20_000);
  const at = ["--coordinator", `https://127.0.0.1:${port}`];
  const invite = await machine.cli(["invite", "--json", ...at]);
  const place = await mesh.createMachine("tls-node", stage.env);
  const node = place.start([
    "join",
    `https://127.0.0.1:${port}`,
    "--token",
    invite.json().code,
    "--no-gateway",
  ]);
  await node.waitForLine(/registered as node node_/, 20_000);
  for (const args of [["nodes"], ["doctor", "--bundle", "tls.json"]]) {
    keepCommand(stage, "output of all other commands", ["tls", ...args], await machine.cli([...args, ...at]));
  }
  stage.evidence.add("the support bundle", "tls.json", await readFile(join(machine.cwd, "tls.json")));
  await keepProcesses(stage, [program, node]);
  await node.stop("SIGTERM");
  await program.stop("SIGTERM");
  keepProgram(stage, program, "output of the coordinator under TLS");
  keepProgram(stage, node, "output of the nodes, at level debug");
  stage.secrets.set("the key of the TLS certificate", await keyIn(machine, "cert.key"));
  stage.secrets.set("the key of the TLS authority", await keyIn(machine, "ca.key"));
  await keepFiles(stage, machine);
  await keepFiles(stage, place);
}

/** Where the private part of the key begins: what is before that is the same in all keys. */
async function keyIn({ home }: Machine, file: string): Promise<string> {
  const pem = await readFile(join(home, ".claw-mesh", "tls", file), "utf8");
  return pem.split("\n")[2] ?? "";
}

/** The sources, not the executable: only there can a fault be put in from outside. */
export async function playFault({ mesh, secrets, evidence, env }: Stage): Promise<void> {
  const machine = await mesh.createMachine("fault");
  const file = join(machine.home, "fault.txt");
  const keys = (["the key of the TLS certificate", "the key of the TLS authority"] as const).map(
    (name) => `-----BEGIN PRIVATE KEY-----\n${secrets.get(name)}\n-----END PRIVATE KEY-----`,
  );
  const bySight = [
    "an API token",
    "a token made on the command line",
    "a rotated API token",
    "an invite code",
    "a node token",
    "a direct node's token",
  ] as const;
  const text = [
    ...bySight.map((name) => secrets.get(name)),
    `Bearer ${secrets.get("a wrong token that was tried")}`,
    `claw_mesh_session=${secrets.get("a session cookie")}`,
    `${env.CLAW_MESH_NODE_GATEWAY_TOKEN} ${env.HTTP_PROXY} ${secrets.get("the admin token")}`,
    `gateway_token=${secrets.get("a gateway token")}`,
    ...keys,
  ].join("\n");
  await writeFile(file, text);
  const child = Bun.spawn(
    [
      process.execPath,
      ...["--preload", join(root, "test/support/canary/escaped-secrets.ts"), join(root, "src/main.ts")],
      ...["up", "--no-local", "--port", "0", "--token", secrets.get("the admin token") ?? ""],
    ],
    {
      cwd: machine.cwd,
      env: { ...env, HOME: machine.home, TEST_FAULT_FILE: file },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 1 || !stderr.includes("INTERNAL")) throw new Error(`no fault: ${stderr}`);
  evidence.add("the report of a fault that nothing caught", "output", stdout + stderr);
}
