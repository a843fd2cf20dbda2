import { join } from "node:path";
import { type CoordinatorOptions, startCoordinator } from "../../src/coordinator/index.ts";
import { silentLog } from "../../src/platform/log.ts";
import { Secret } from "../../src/protocol/secret.ts";
import { type FakeNode, type FakeNodeOptions, joinFakeNode } from "./fake-node.ts";
import { createTempDir } from "./temp-dir.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at fields of answers that they then compare.
  readonly body: any;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly rawBody?: RequestInit["body"];
  readonly headers?: Readonly<Record<string, string>>;
  /** null: none. Default: the admin token. */
  readonly token?: string | null;
  readonly signal?: AbortSignal;
}

export interface SendOptions extends Omit<CallOptions, "body" | "rawBody"> {
  /** Fields of the message beside its content. */
  readonly parts?: Readonly<Record<string, unknown>>;
  /** Node or group. */
  readonly to?: string;
  readonly key?: string;
}

/** A coordinator with its own data directory, and everything that a test says to it over HTTP. */
export interface TestCoordinator extends AsyncDisposable {
  readonly port: () => number;
  readonly token: string;
  readonly dataDir: string;
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>;
  readonly send: (content: string, options?: SendOptions) => Promise<Answer>;
  /** The raw response of a message sent with `Accept: text/event-stream`. */
  readonly stream: (content: string, options?: SendOptions) => Promise<Response>;
  /** Joins with the admin token unless another is given. */
  readonly join: (options?: Partial<FakeNodeOptions>) => Promise<FakeNode>;
  /** Joins again as the same node, by its own token; the same agent process unless `instance` says otherwise. */
  readonly rejoin: (node: FakeNode, options?: Partial<FakeNodeOptions>) => Promise<FakeNode>;
  readonly stop: (deadlineMs?: number) => Promise<void>;
  /** Stops it and starts another on the same data. */
  readonly restart: (options?: Partial<CoordinatorOptions>) => Promise<void>;
  /** Ends it as a power cut does (`kill -9`) and starts another on the same data. Only for one in its own process. */
  readonly crash: () => Promise<void>;
}

interface Launched {
  readonly port: number;
  readonly stop: (deadlineMs?: number) => Promise<void>;
  readonly kill: () => Promise<unknown>;
}

const token = "test-admin-token";

/** What the coordinators of tests have in common. */
export function testCoordinatorOptions(dataDir: string): CoordinatorOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    token: new Secret(token),
    dataDir,
    allowPrivate: true,
    rules: [],
    groups: {},
    tls: null,
    retention: { days: 30, maxTasks: 200_000 },
    allowedHosts: [],
    limits: {
      bodyBytes: 1024 * 1024,
      requestsPerClient: 512,
      streams: 2_000,
      streamsPerClient: 200,
      linksPerClient: 2_000,
    },
    version: "test",
    log: silentLog,
  };
}

/** One in this process. */
export function createTestCoordinator(overrides: Partial<CoordinatorOptions> = {}): Promise<TestCoordinator> {
  return createFrom(async (dataDir, more) => {
    const running = await startCoordinator({ ...testCoordinatorOptions(dataDir), ...overrides, ...more });
    return { ...running, kill: () => Promise.reject(new Error("it is in this process")) };
  });
}

/** One in a process of its own, which can be killed. */
export function createCoordinatorProcess(): Promise<TestCoordinator> {
  return createFrom(launchProcess);
}

async function launchProcess(dataDir: string): Promise<Launched> {
  const script = join(import.meta.dir, "coordinator-process.ts");
  const child = Bun.spawn([process.execPath, script, dataDir], { stdout: "pipe", stderr: "inherit" });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return child.exited;
  };
  return {
    port: Number(new TextDecoder().decode(value)),
    stop: async () => void (await end("SIGTERM")),
    kill: () => end("SIGKILL"),
  };
}

async function createFrom(
  launch: (dataDir: string, options: Partial<CoordinatorOptions>) => Promise<Launched>,
): Promise<TestCoordinator> {
  await using undo = new AsyncDisposableStack();
  const dir = undo.use(await createTempDir());
  let running = await launch(dir.path, {});
  undo.defer(() => running.stop(0));
  const nodes = undo.use(new AsyncDisposableStack());
  const parts = undo.move();

  const request = (method: string, path: string, options: CallOptions = {}) => {
    const bearer = options.token === undefined ? token : options.token;
    const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    return fetch(`http://127.0.0.1:${running.port}${path}`, {
      method,
      headers: { ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }), ...options.headers },
      ...(body === undefined || body === null ? {} : { body }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  };

  const post = (content: string, { parts: more, to, key, ...options }: SendOptions, accept: string) =>
    request("POST", to === undefined ? "/api/v1/route" : `/api/v1/route/${encodeURIComponent(to)}`, {
      ...options,
      headers: { accept, ...(key === undefined ? {} : { "idempotency-key": key }), ...options.headers },
      body: { content, ...more },
    });

  return {
    port: () => running.port,
    token,
    dataDir: dir.path,
    call: async (method, path, options) => toAnswer(await request(method, path, options)),
    send: async (content, options = {}) => toAnswer(await post(content, options, "application/json")),
    stream: (content, options = {}) => post(content, options, "text/event-stream"),
    join: async (options = {}) => nodes.use(await joinFakeNode({ port: running.port, token, ...options })),
    rejoin: async (node, options = {}) => {
      const { type: _, capabilities, ...hello } = node.hello;
      const parts = { ...hello, capabilities, running: [], unacknowledged: [] };
      const again = { port: running.port, token: node.token, ...parts, node_id: node.nodeId, ...options };
      return nodes.use(await joinFakeNode(again));
    },
    stop: (deadlineMs) => running.stop(deadlineMs),
    restart: async (options = {}) => {
      await running.stop(0);
      running = await launch(dir.path, options);
    },
    crash: async () => {
      await running.kill();
      running = await launch(dir.path, {});
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : null,
  };
}
