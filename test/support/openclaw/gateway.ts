import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { FakeProvider } from "./fake-provider.ts";
import { nodeBinDirectory, OPENCLAW_VERSION, openclawEntry, readInstall } from "./install.ts";

const root = join(import.meta.dir, "..", "..", "..");

/** First start of a cold disk took 32 s on a loaded machine. */
const readyTimeoutMs = 120_000;
const readyPollMs = 150;
const exitTimeoutMs = 20_000;

export interface GatewayOptions {
  readonly provider: FakeProvider;
  /** `agents.defaults.maxConcurrent`; OpenClaw's own default when left out. */
  readonly maxConcurrent?: number;
}

/** A real OpenClaw gateway on loopback, with a home of its own, that ends when it is disposed of. */
export interface Gateway extends AsyncDisposable {
  readonly port: number;
  /** `ws://127.0.0.1:<port>`. */
  readonly url: string;
  readonly token: string;
  /** Where its configuration, state and log are. */
  readonly directory: string;
  readonly configPath: string;
  readonly pid: () => number | null;
  /** false after `kill`, and when the test runner has ended it: it does so with every child when a test times out. */
  readonly isRunning: () => boolean;
  /** Sends the signal to the gateway and its workers and waits until they are gone. */
  readonly kill: (signal: "SIGKILL" | "SIGTERM") => Promise<void>;
  /** Holds the gateway still (SIGSTOP) or lets it go on (SIGCONT). */
  readonly freeze: (isFrozen: boolean) => void;
  /** Starts it again on the same state and port; resolves when it is ready. */
  readonly start: () => Promise<void>;
  readonly log: () => Promise<string>;
}

/** Starts a gateway and waits until it is ready. Throws with what to do when OpenClaw is not installed. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  await requireInstall();
  const directory = await mkdtemp(join(tmpdir(), "claw-mesh-openclaw-"));
  const port = await freePort();
  const token = crypto.randomUUID();
  const configPath = join(directory, "openclaw.json");
  await Bun.write(configPath, JSON.stringify(gatewayConfig({ ...options, directory, port, token }), null, 2));
  let process_: Bun.Subprocess | null = null;
  let guard: Bun.Subprocess | null = null;

  const signalAll = (signal: NodeJS.Signals) => {
    if (process_ === null || process_.exitCode !== null || process_.signalCode !== null) return;
    for (const pid of [process_.pid, ...descendantsOf(process_.pid)]) signalProcess(pid, signal);
  };
  const gateway: Gateway = {
    port,
    url: `ws://127.0.0.1:${port}`,
    token,
    directory,
    configPath,
    pid: () => process_?.pid ?? null,
    isRunning: () => process_ !== null && process_.exitCode === null && process_.signalCode === null,
    kill: async (signal) => {
      const ending = process_;
      if (ending === null) return;
      if (signal === "SIGKILL") signalAll(signal);
      else ending.kill(signal);
      if ((await Promise.race([ending.exited, Bun.sleep(exitTimeoutMs).then(() => null)])) === null) {
        signalAll("SIGKILL");
        await ending.exited;
      }
      process_ = null;
      guard?.kill("SIGKILL");
    },
    freeze: (isFrozen) => signalAll(isFrozen ? "SIGSTOP" : "SIGCONT"),
    start: async () => {
      if (gateway.isRunning()) throw new Error("the gateway is already running");
      process_ = spawnGateway(directory, configPath);
      guard = spawnGuard(process_.pid, directory);
      await untilReady(port, process_, directory);
    },
    log: () => readOutput(directory),
    [Symbol.asyncDispose]: async () => {
      await gateway.kill("SIGKILL");
      await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
  try {
    await gateway.start();
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
  return gateway;
}

/** Its workers live in groups of their own and hold locks on the state: they have to be found by their parents. */
function descendantsOf(pid: number): readonly number[] {
  const listing = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]).stdout.toString();
  const children = new Map<number, number[]>();
  for (const line of listing.split("\n")) {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    if (child !== undefined && parent !== undefined)
      children.set(parent, [...(children.get(parent) ?? []), child]);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const direct = children.get(next) ?? [];
    found.push(...direct);
    queue.push(...direct);
  }
  return found;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: it ended by itself between the listing and now.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Throws unless `scripts/install-openclaw.ts` has run. */
export async function requireInstall(): Promise<void> {
  const install = await readInstall(root);
  if (!install.hasNode || install.openclawVersion !== OPENCLAW_VERSION) {
    throw new Error(`OpenClaw ${OPENCLAW_VERSION} is not in .cache/openclaw; run: make test-openclaw`);
  }
}

function spawnGateway(directory: string, configPath: string): Bun.Subprocess {
  const bin = nodeBinDirectory(root);
  const output = Bun.file(join(directory, "output.log"));
  return Bun.spawn([join(bin, "node"), openclawEntry(root), "gateway", "run"], {
    cwd: directory,
    stdin: "ignore",
    stdout: output,
    stderr: output,
    env: {
      PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
      HOME: directory,
      TMPDIR: directory,
      LANG: "C.UTF-8",
      OPENCLAW_STATE_DIR: join(directory, "state"),
      OPENCLAW_CONFIG_PATH: configPath,
      OPENCLAW_DISABLE_BONJOUR: "1",
      OPENCLAW_NO_RESPAWN: "1",
      OPENCLAW_SKIP_CHANNELS: "1",
      OPENCLAW_EXEC_SHELL_SNAPSHOT: "0",
    },
  });
}

/**
 * Ends the gateway when this process ends, in whatever way: its standard input closes then. A test runner gives no
 * notice of its end; after a test that took too long it sends SIGTERM to all children, and a gateway at work then takes
 * its time.
 */
function spawnGuard(pid: number, directory: string): Bun.Subprocess {
  const guard = Bun.spawn(
    ["sh", "-c", 'trap "" TERM; read -r _; kill -9 "$1"; sleep 1; rm -rf "$2"', "sh", String(pid), directory],
    {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  guard.unref();
  return guard;
}

async function untilReady(port: number, child: Bun.Subprocess, directory: string): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(
        `the OpenClaw gateway ended with code ${child.exitCode}:\n${await readOutput(directory)}`,
      );
    }
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
      if (response.status === 200) return;
    } catch {
      // Not listening yet: the loop asks again.
    }
    await Bun.sleep(readyPollMs);
  }
  throw new Error(
    `the OpenClaw gateway was not ready within ${readyTimeoutMs} ms:\n${await readOutput(directory)}`,
  );
}

async function readOutput(directory: string): Promise<string> {
  const file = Bun.file(join(directory, "output.log"));
  return (await file.exists()) ? (await file.text()).slice(-8000) : "";
}

function gatewayConfig(
  options: GatewayOptions & { readonly directory: string; readonly port: number; readonly token: string },
): unknown {
  return {
    gateway: {
      mode: "local",
      port: options.port,
      bind: "loopback",
      auth: { mode: "token", token: options.token },
      http: { endpoints: { chatCompletions: { enabled: true }, responses: { enabled: true } } },
    },
    models: {
      // All but the first are for tests that make OpenClaw take a provider out of use: one for each.
      providers: Object.fromEntries(
        ["fake", "spare", "second-spare"].map((name) => [
          name,
          {
            baseUrl: options.provider.baseUrl,
            apiKey: `sk-${name}`,
            api: "openai-completions",
            models: [{ id: "fake-1", name: "fake-1" }],
          },
        ]),
      ),
    },
    agents: {
      defaults: {
        model: { primary: "fake/fake-1" },
        workspace: join(options.directory, "workspace"),
        skipBootstrap: true,
        heartbeat: { every: "0m" },
        ...(options.maxConcurrent === undefined ? {} : { maxConcurrent: options.maxConcurrent }),
      },
    },
    update: { checkOnStart: false },
    logging: { file: join(options.directory, "openclaw.log") },
  };
}

/** A port that was free a moment ago; the gateway needs to know its port before it starts. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no free port"));
      });
    });
  });
}
