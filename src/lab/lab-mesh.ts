import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createMeshClient, type MeshClient, type MeshFetch } from "../client/index.ts";
import { type Child, type Children, peakMemoryBytes } from "../platform/child-processes.ts";
import { type Clock, delay } from "../platform/clock.ts";
import { MeshError } from "../protocol/errors.ts";
import { contract } from "../protocol/http/contract.ts";
import type { Secret } from "../protocol/secret.ts";
import { nodeName } from "./fault-plan.ts";
import { createLimitedDisk, type LimitedDisk } from "./limited-disk.ts";
import { type LinkProxy, startLinkProxy } from "./link-proxy.ts";
import type { ModelServer } from "./model-server.ts";

export interface MeshOptions {
  readonly children: Children;
  readonly clock: Clock;
  readonly fetch: MeshFetch;
  /** Starts this program again. */
  readonly command: readonly string[];
  /** A directory of the laboratory's own. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly token: Secret;
  readonly nodes: number;
  readonly slots: number;
  readonly models: ModelServer;
  /** Bytes of a disk that can be made full; null: an ordinary directory. */
  readonly diskBytes: number | null;
  readonly signal: AbortSignal;
}

export interface CoordinatorProcess {
  readonly url: string;
  /** null: its disk cannot be made full. */
  readonly disk: LimitedDisk | null;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exited: () => Promise<unknown>;
  /** After its end: starts it again, and waits until it takes work. */
  readonly restart: () => Promise<void>;
  /** The most memory that any of its processes had; null where the system does not tell. */
  readonly peakMemoryBytes: () => number | null;
}

export interface NodeProcess {
  readonly name: string;
  readonly proxy: LinkProxy;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exited: () => Promise<unknown>;
  readonly restart: () => void;
}

/** A coordinator and its nodes, all of them processes of this machine on loopback. */
export interface LabMesh {
  readonly coordinator: CoordinatorProcess;
  readonly nodes: readonly NodeProcess[];
  readonly client: MeshClient;
  readonly stopProxies: () => Promise<void>;
}

/** How long a coordinator may take until it takes work. */
const startLimitMs = 30_000;
/** How long all nodes may take until they are there; each costs some tenths of a second of one core. */
const joinLimitMs = 120_000;
const pollMs = 25;

/** @throws MeshError INTERNAL when a part does not come up; its log is in the directory */
export async function startLabMesh(options: MeshOptions): Promise<LabMesh> {
  await writeFile(join(options.directory, "claw-mesh.yaml"), "log: { level: warn }\n", { mode: 0o600 });
  const coordinator = await startCoordinator(options);
  const client = createMeshClient({ baseUrl: coordinator.url, token: options.token, fetch: options.fetch });
  const port = Number(new URL(coordinator.url).port);
  const nodes = await Promise.all(
    Array.from({ length: options.nodes }, (_, index) => startNode(options, index, port)),
  );
  await waitForNodes(client, options);
  return {
    coordinator,
    nodes,
    client,
    stopProxies: async () => {
      await Promise.all(nodes.map(({ proxy }) => proxy.stop()));
    },
  };
}

async function startCoordinator(options: MeshOptions): Promise<CoordinatorProcess> {
  const { children, clock, directory } = options;
  const dataDir = join(directory, "coordinator");
  const logFile = join(directory, "coordinator.log");
  await mkdir(dataDir, { mode: 0o700 });
  const base = { children, clock, cwd: directory, env: options.env, logFile };
  const disk =
    options.diskBytes === null
      ? null
      : await createLimitedDisk({ ...base, path: dataDir, maxBytes: options.diskBytes });
  const start = (port: number): Child =>
    children.start({
      ...childBase(options, logFile),
      command: [
        ...(disk?.enter ?? []),
        ...options.command,
        ...["up", "--host", "127.0.0.1", "--port", String(port), "--no-local", "--json"],
        ...["--data-dir", dataDir, "--config", join(directory, "claw-mesh.yaml")],
      ],
      stdout: "line",
    });
  let child = start(0);
  let peak: number | null = null;
  const port = await readPort(child, options);
  const url = `http://127.0.0.1:${port}`;
  const measure = () => {
    const now = child.isRunning() ? peakMemoryBytes(child.pid) : null;
    if (now !== null) peak = Math.max(peak ?? 0, now);
    return peak;
  };
  return {
    url,
    disk,
    kill: (signal) => {
      measure();
      child.kill(signal);
    },
    exited: () => child.exited,
    restart: async () => {
      child = start(port);
      await waitUntilReady(url, child, options);
    },
    peakMemoryBytes: measure,
  };
}

function childBase(options: MeshOptions, logFile: string) {
  return {
    cwd: options.directory,
    env: { ...options.env, CLAW_MESH_TOKEN: options.token.reveal() },
    logFile,
  };
}

async function readPort(child: Child, { clock, signal, directory }: MeshOptions): Promise<number> {
  const limit = delay(clock, startLimitMs, signal).then(() => "");
  const text = await Promise.race([child.firstOutput, limit]);
  signal.throwIfAborted();
  const port = /"port":\s*(\d+)/.exec(text)?.[1];
  if (port === undefined) throw startError("the coordinator did not start", directory);
  return Number(port);
}

async function waitUntilReady(url: string, child: Child, options: MeshOptions): Promise<void> {
  const { clock, fetch, signal, directory } = options;
  const endsAtMs = clock.monotonicMs() + startLimitMs;
  const client = createMeshClient({ baseUrl: url, token: null, fetch, timeoutMs: 1000 });
  while (clock.monotonicMs() < endsAtMs && child.isRunning()) {
    signal.throwIfAborted();
    try {
      await client.call(contract.getReadiness, {}, { signal });
      return;
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
    }
    await delay(clock, pollMs, signal);
  }
  throw startError("the coordinator did not come up again", directory);
}

async function startNode(options: MeshOptions, index: number, port: number): Promise<NodeProcess> {
  const { children, directory } = options;
  const name = nodeName(index, options.nodes);
  const proxy = await startLinkProxy(port, options.clock);
  const command = [
    ...options.command,
    ...["join", `http://127.0.0.1:${proxy.port}`, "--name", name, "--slots", String(options.slots)],
    ...["--runtime", "openai", "--gateway-endpoint", options.models.urlOf(name)],
    ...["--gateway-model", "lab-model", "--data-dir", join(directory, name)],
    ...["--config", join(directory, "claw-mesh.yaml")],
  ];
  const start = () =>
    children.start({
      ...childBase(options, join(directory, `${name}.log`)),
      command,
      stdout: "log",
    });
  let child = start();
  return {
    name,
    proxy,
    kill: (signal) => child.kill(signal),
    exited: () => child.exited,
    restart: () => {
      child = start();
    },
  };
}

async function waitForNodes(client: MeshClient, options: MeshOptions): Promise<void> {
  const { clock, signal, directory } = options;
  const endsAtMs = clock.monotonicMs() + joinLimitMs;
  while (clock.monotonicMs() < endsAtMs) {
    signal.throwIfAborted();
    const nodes = await client.listNodes({ signal });
    if (nodes.filter(({ status, ready }) => status !== "offline" && ready).length >= options.nodes) return;
    await delay(clock, pollMs * 4, signal);
  }
  throw startError(`not all of the ${options.nodes} nodes joined`, directory);
}

function startError(what: string, directory: string): MeshError {
  return new MeshError("INTERNAL", `laboratory: ${what}`, { hint: `Look at the logs in ${directory}.` });
}
